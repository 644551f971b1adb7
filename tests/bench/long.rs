//! A provider that is built once and asked ten thousand times, an hour between two of them by its clock, so that it logs in
//! each time anew: its memory stays as it is. It is asked in a process of its own, without the server.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kz::log::Log;
use kz::patience::{Clock, Patience, Real, Sleep};
use kz::provider::settings::Settings;
use kz::provider::{Ask, DocumentRef, End, Outcome, Surroundings, registry};
use kz::secret::Secret;
use serde_json::json;

use crate::scene::Scene;
use kz_fakes::vault::{Transport, Vault};

/// The word by which this program asks, rather than measures.
pub(crate) const ASKER: &str = "asker";
const ASKINGS: u64 = 10_000;
/// From here on nothing is to grow.
const WARM: u64 = 1_000;

/// The real clock, so many hours on.
#[derive(Clone)]
struct Ahead(Arc<AtomicU64>);

impl Clock for Ahead {
    fn now(&self) -> Instant {
        Instant::now() + Duration::from_hours(self.0.load(Ordering::Relaxed))
    }

    fn noted(&self, real: Instant) -> Instant {
        real + Duration::from_hours(self.0.load(Ordering::Relaxed))
    }

    fn pause(&self, until: Instant) -> Sleep<'_> {
        Real.pause(Instant::now() + until.saturating_duration_since(self.now()))
    }
}

/// What the asker is told.
struct Told(Vec<(&'static str, String)>);

impl Surroundings for Told {
    fn variable(&self, name: &str) -> Option<Secret> {
        let (_, value) = self.0.iter().find(|(known, _)| *known == name)?;
        Some(Secret::new(value.clone().into_bytes()))
    }

    fn variables(&self) -> Vec<(OsString, Secret)> {
        Vec::new()
    }

    fn base(&self) -> &Path {
        Path::new("/")
    }
}

pub(crate) fn measure() {
    let scene: Scene<Vault> = Scene::new(Transport::Plain, "", |_, _| Vec::new());
    scene.fake.write("secret/data/a", &json!({ "data": { "value": "v" } }));
    let (role, secret) = scene.fake.configure(|vault| {
        vault.policy("", "app", &["secret/data/a"]);
        vault.approle("", "approle", "app", &["app"])
    });
    let mut asker = Command::new(std::env::current_exe().unwrap());
    asker.arg(ASKER).args([scene.fake.url(), role, secret]);
    let run = scene.sandbox.run(&mut asker).expect_code(0);
    let sizes: Vec<i64> = run.stdout().split_whitespace().filter_map(|size| size.parse().ok()).collect();
    let logins = scene.fake.requests("auth/approle/login");
    println!("\nA provider that is asked {ASKINGS} times, with {logins} logins");
    println!("{:<36} {:>7}", "memory after a tenth of them, KiB", sizes[0]);
    println!("{:<36} {:>+7}  flat", "more at the end, KiB", sizes[1] - sizes[0]);
}

/// Asks, and prints the memory that is resident, in KiB.
pub(crate) fn ask(words: &[String]) {
    let names = ["VAULT_ADDR", "VAULT_ROLE_ID", "VAULT_SECRET_ID"];
    let told = Told(names.into_iter().zip(words.iter().cloned()).collect());
    let vault = registry::find("vault").unwrap();
    let provider = registry::instance(vault, &Settings::default(), &told).unwrap();
    let documents = [DocumentRef { path: "secret/data/a".to_owned(), version: None, request: None }];
    let hours = Ahead(Arc::default());
    let ask = || {
        let patience = Patience::with(
            hours.now() + Duration::from_mins(1),
            Log::default(),
            Box::new(hours.clone()),
            Box::new(|| 0.5),
        );
        Ask { patience, ..Ask::default() }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for number in 1..=ASKINGS {
            let outcomes = provider.fetch(&documents, &ask()).await;
            assert!(matches!(outcomes[..], [Outcome::Found(_)]), "{outcomes:?}");
            hours.0.fetch_add(1, Ordering::Relaxed);
            if number == WARM || number == ASKINGS {
                println!("{}", resident());
            }
        }
        provider.close(End::NotDelivered, &ask()).await;
    });
}

fn resident() -> u64 {
    let memory = std::fs::read_to_string("/proc/self/statm").unwrap();
    memory.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).map_or(0, |pages: u64| pages * 4)
}
