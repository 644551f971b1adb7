//! Documents that are watched for hours, under a simulated clock, at a backend that lends, changes and is away.

use std::sync::{Arc, Mutex};

use super::*;
use crate::delivery::Delivery;
use crate::patience::Clock as _;
use crate::patience::testing::{Virtual, run};
use crate::plan::Source;
use crate::plan::{Declaration, Ending, Reference};
use crate::provider::{Closing, Fetch, Lender, Lent, Provider, Renewal, Shape};
use crate::scope::Scope;
use crate::secret::Secret;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// A backend with `kv` (which changes when a test says so), `creds` (each read lends another user, for an hour, renewable for six) and
/// `static` (changed by itself every ten minutes).
#[derive(Clone)]
struct Backend(Arc<Mutex<Store>>, Virtual);

#[derive(Default)]
struct Store {
    kv: Kv,
    /// When each user was made, and until when it is valid.
    users: Vec<(Instant, Instant)>,
    away: Option<(Instant, Instant)>,
    reads: Vec<(Instant, String)>,
    renewals: usize,
    begun: Option<Instant>,
}

/// What is at `kv`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kv {
    #[default]
    First,
    Version(u32),
    Gone,
    Denied,
}

impl Backend {
    fn new() -> Self {
        let clock = Virtual::new();
        let store = Store { begun: Some(clock.now()), ..Store::default() };
        Self(Arc::new(Mutex::new(store)), clock)
    }

    fn now(&self) -> Instant {
        self.1.now()
    }

    fn ask(&self) -> Ask {
        Ask { patience: self.1.patience_from_now(15), ..Ask::default() }
    }

    fn set(&self, kv: Kv) {
        self.0.lock().unwrap().kv = kv;
    }

    fn sleep(&self, until: Instant) {
        run(self.1.pause(until));
    }

    fn is_away(&self) -> bool {
        let now = self.now();
        self.0.lock().unwrap().away.is_some_and(|(from, to)| from <= now && now < to)
    }

    fn reads(&self, path: &str) -> usize {
        self.0.lock().unwrap().reads.iter().filter(|(_, read)| read == path).count()
    }

    fn answer(&self, path: &str) -> Outcome {
        let now = self.now();
        let mut store = self.0.lock().unwrap();
        store.reads.push((now, path.to_owned()));
        let found = |content: String, version: Option<String>, lease| {
            let content = Secret::new(content.into_bytes());
            Outcome::Found(Document { content, shape: Shape::Json, version, lease })
        };
        match path {
            "creds" => {
                store.users.push((now, now + HOUR));
                let number = store.users.len();
                let lent = Lent {
                    id: number.to_string(),
                    namespace: String::new(),
                    accessor: None,
                    renewable: true,
                };
                let lease = Lease { lent: Some(Box::new(lent)), issued: now, valid: HOUR };
                found(format!("user-{number}"), None, Some(lease))
            }
            "static" => {
                let passed = now.duration_since(store.begun.unwrap()).as_secs();
                let version = (passed / 600).to_string();
                let left = Duration::from_secs(600 - passed % 600);
                found(version.clone(), Some(version), Some(Lease::of_change(now, left)))
            }
            _ => match store.kv {
                Kv::First => found("first".to_owned(), Some("1".to_owned()), None),
                Kv::Version(version) => found(format!("v{version}"), Some(version.to_string()), None),
                Kv::Gone => Outcome::Absent,
                Kv::Denied => Outcome::Failed(failure(FailureKind::Denied)),
            },
        }
    }
}

fn failure(kind: FailureKind) -> Failure {
    Failure { kind, cause: "no".to_owned(), hint: None }
}

impl Provider for Backend {
    fn fetch<'a>(&'a self, documents: &'a [DocumentRef], _: &'a Ask) -> Fetch<'a> {
        let answer = |document: &DocumentRef| {
            if self.is_away() {
                Outcome::Failed(failure(FailureKind::Unreachable))
            } else {
                self.answer(&document.path)
            }
        };
        Box::pin(std::future::ready(documents.iter().map(answer).collect()))
    }

    fn lender(&self) -> Option<&dyn Lender> {
        Some(self)
    }
}

impl Lender for Backend {
    fn adopt(&self, _: &Lease) {}

    fn renew<'a>(&'a self, lease: &'a Lease, wanted: Duration, _: &'a Ask) -> Renewal<'a> {
        let now = self.now();
        let result = if self.is_away() {
            Err(Unrenewed::Failed(failure(FailureKind::Unreachable)))
        } else {
            let mut store = self.0.lock().unwrap();
            store.renewals += 1;
            let number: usize = lease.lent.as_ref().unwrap().id.parse().unwrap();
            let user = &mut store.users[number - 1];
            if user.1 <= now {
                Err(Unrenewed::Over)
            } else {
                user.1 = (now + wanted).min(user.0 + 6 * HOUR);
                Ok(Lease { issued: now, valid: user.1.duration_since(now), ..lease.clone() })
            }
        };
        Box::pin(std::future::ready(result))
    }

    fn give_back<'a>(&'a self, _: &'a [Lease], _: &'a Ask) -> Closing<'a> {
        Box::pin(std::future::ready(()))
    }
}

fn declare(path: &str, when_absent: WhenAbsent) -> Declaration {
    let source = Source::Reference(Reference {
        written: path.to_owned(),
        instance: "store".to_owned(),
        document: DocumentRef { path: path.to_owned(), version: None, request: None },
        field: None,
        encoding: None,
        ending: Ending::Kept,
    });
    let (delivery, scope) = (Delivery::default(), Scope::default());
    Declaration { name: path.to_owned(), source, when_absent, delivery, scope }
}

fn providers(backend: &Backend) -> Providers {
    let provider: Box<dyn Provider> = Box::new(backend.clone());
    BTreeMap::from([("store".to_owned(), Ok(provider))])
}

/// Watches these, every minute, and hands over.
fn with(paths: &[&str], when_absent: &WhenAbsent, test: impl FnOnce(&Backend, &mut Watched<'_>, &Providers)) {
    let backend = Backend::new();
    let declarations: Vec<_> = paths.iter().map(|path| declare(path, when_absent.clone())).collect();
    let plan = Plan::new(&declarations, &[]).unwrap();
    let providers = providers(&backend);
    let rules = Rules { interval: Some(MINUTE), leases: Leases::Renew };
    let (ask, mut known) = (backend.ask(), Known::default());
    let mut watched = run(Watched::begin(&plan, rules, &mut known, &providers, &ask));
    test(&backend, &mut watched, &providers);
}

/// Waits for what is due, and does it.
fn next<'p>(backend: &Backend, watched: &mut Watched<'p>, providers: &Providers) -> Round<'p> {
    backend.sleep(watched.next().unwrap());
    run(watched.round(providers, &backend.ask()))
}

fn value(watched: &Watched<'_>, providers: &Providers, name: &str) -> String {
    let resolution = watched.resolution(providers).unwrap();
    let secret = resolution.secrets.into_iter().find(|secret| secret.name == name).unwrap();
    secret.value.expose_text().unwrap().to_owned()
}

#[test]
fn a_day_of_leases_and_rotations_has_no_gap_and_no_storm_though_the_backend_is_away_for_two_hours() {
    with(&["kv", "creds", "static"], &WhenAbsent::Fail, |backend, watched, providers| {
        let begun = backend.now();
        let away = (begun + 10 * HOUR, begun + 12 * HOUR);
        backend.0.lock().unwrap().away = Some(away);
        let (mut rounds, mut news, mut version) = (0, 0, 1);
        while backend.now() < begun + 24 * HOUR {
            let now = backend.now();
            if now.duration_since(begun).as_secs() / 1800 >= version {
                version += 1;
                backend.set(Kv::Version(u32::try_from(version).unwrap()));
            }
            let round = next(backend, watched, providers);
            rounds += 1;
            news += round.troubles.len();
            let (now, is_away) = (backend.now(), backend.is_away());
            let user: usize = value(watched, providers, "creds")["user-".len()..].parse().unwrap();
            let end = backend.0.lock().unwrap().users[user - 1].1;
            // While it is away nobody can prolong what ends.
            assert!(
                end > now || is_away || now < away.1 + 2 * MINUTE,
                "an application has credentials that ended"
            );
            if !is_away && now > away.1 + 2 * MINUTE {
                let passed = now.duration_since(begun).as_secs();
                let password: u64 = value(watched, providers, "static").parse().unwrap();
                assert!(password == passed / 600 || passed % 600 < 5, "{passed} {password}");
            }
        }
        let store = backend.0.lock().unwrap();
        assert!((1400..2400).contains(&rounds), "{rounds} rounds");
        assert_eq!(news, 3, "each trouble is said once");
        assert!((5..=7).contains(&store.users.len()), "{} users", store.users.len());
        assert!((30..60).contains(&store.renewals), "{} renewals", store.renewals);
    });
}

#[test]
fn what_is_gone_or_older_counts_only_when_answers_agree_for_a_while() {
    with(&["kv"], &WhenAbsent::Fail, |backend, watched, providers| {
        backend.set(Kv::Version(5));
        assert!(next(backend, watched, providers).changed);
        // A standby that is behind, once.
        for stale in [Kv::Version(4), Kv::Gone] {
            backend.set(stale);
            let round = next(backend, watched, providers);
            assert!(!round.changed && round.troubles.is_empty());
            backend.set(Kv::Version(5));
            let asked = backend.now();
            assert!(!next(backend, watched, providers).changed);
            assert!(backend.now().duration_since(asked) <= AGAIN, "it is looked at again soon");
            assert_eq!(value(watched, providers, "kv"), "v5");
        }
        // It stays so.
        let since = backend.now();
        backend.set(Kv::Version(3));
        while !next(backend, watched, providers).changed {}
        assert!(backend.now().duration_since(since) >= AGREE);
        assert_eq!(value(watched, providers, "kv"), "v3");
        let since = backend.now();
        backend.set(Kv::Gone);
        let troubles = loop {
            let round = next(backend, watched, providers);
            assert!(!round.changed, "the last that was good stays");
            if !round.troubles.is_empty() {
                break round.troubles;
            }
        };
        assert!(backend.now().duration_since(since) >= AGREE && troubles[0].1.is_loss());
        assert_eq!(value(watched, providers, "kv"), "v3");
        // It comes back.
        backend.set(Kv::Version(9));
        let round = next(backend, watched, providers);
        assert!(round.changed && round.mended.len() == 1);
    });
}

#[test]
fn what_may_be_absent_is_left_out_once_answers_agree_and_comes_back() {
    with(&["kv"], &WhenAbsent::Omit, |backend, watched, providers| {
        backend.set(Kv::Gone);
        while !next(backend, watched, providers).changed {}
        assert!(watched.resolution(providers).unwrap().secrets.is_empty());
        backend.set(Kv::Version(2));
        assert!(next(backend, watched, providers).changed);
        assert_eq!(value(watched, providers, "kv"), "v2");
    });
}

#[test]
fn what_is_denied_is_a_loss_that_is_said_once_and_asked_for_no_faster() {
    with(&["kv"], &WhenAbsent::Fail, |backend, watched, providers| {
        backend.set(Kv::Denied);
        let round = next(backend, watched, providers);
        assert!(round.troubles[0].1.is_loss());
        let before = backend.reads("kv");
        let since = backend.now();
        while backend.now().duration_since(since) < 10 * MINUTE {
            assert!(next(backend, watched, providers).troubles.is_empty());
        }
        assert!(backend.reads("kv") - before <= 12, "{}", backend.reads("kv") - before);
        assert_eq!(value(watched, providers, "kv"), "first");
    });
}

#[test]
fn a_lease_that_somebody_took_back_is_replaced_at_once_and_is_told_as_former() {
    with(&["creds"], &WhenAbsent::Fail, |backend, watched, providers| {
        let now = backend.now();
        backend.0.lock().unwrap().users[0].1 = now;
        let round = next(backend, watched, providers);
        assert!(round.changed && round.troubles.is_empty());
        assert_eq!(value(watched, providers, "creds"), "user-2");
        let former: Vec<String> =
            watched.take_former().into_iter().map(|(_, lease)| lease.lent.unwrap().id).collect();
        assert_eq!(former, ["1"]);
    });
}

#[test]
fn another_configuration_takes_over_what_is_known_and_reads_only_the_rest() {
    with(&["kv", "creds"], &WhenAbsent::Fail, |backend, watched, providers| {
        let declarations = [declare("creds", WhenAbsent::Fail), declare("static", WhenAbsent::Fail)];
        let plan = Plan::new(&declarations, &[]).unwrap();
        let plan_before = ["kv", "creds"].map(|path| declare(path, WhenAbsent::Fail));
        let of_before = Plan::new(&plan_before, &[]).unwrap();
        let rules = Rules { interval: Some(MINUTE), leases: Leases::Renew };
        let before = run(Watched::begin(&of_before, rules, &mut Known::default(), providers, &backend.ask()));
        let made = backend.0.lock().unwrap().users.len();
        let mut known = before.into_known();
        let after = run(Watched::begin(&plan, rules, &mut known, providers, &backend.ask()));
        assert_eq!(backend.0.lock().unwrap().users.len(), made, "no new credential");
        assert_eq!(value(&after, providers, "creds"), format!("user-{made}"));
        assert_eq!(known.leases().count(), 0);
        drop(watched.take_former());
        // Set up otherwise, it is read anew.
        let mut known = after.into_known();
        known.keep(|_| false);
        let _ = run(Watched::begin(&plan, rules, &mut known, providers, &backend.ask()));
        assert_eq!(backend.0.lock().unwrap().users.len(), made + 1);
    });
}

#[test]
fn what_is_said_to_have_changed_is_read_at_once_and_what_is_lent_is_not() {
    with(&["kv", "creds", "static"], &WhenAbsent::Fail, |backend, watched, providers| {
        watched.hasten(backend.now());
        backend.set(Kv::Version(2));
        let round = run(watched.round(providers, &backend.ask()));
        assert!(round.changed);
        assert_eq!((backend.reads("kv"), backend.reads("static"), backend.reads("creds")), (2, 2, 1));
    });
}
