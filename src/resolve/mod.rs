//! From a plan to values: reads every batch, picks fields out of documents, decodes, renders templates.
//!
//! Invariants: the result is the whole bundle or a list of *every* failed secret; nothing is
//! delivered in part. Only *absent* is covered by `optional` and `default`. A failure names secret,
//! provider and ref, never a value.

mod documents;
mod encoding;
mod ending;
pub mod field;
mod kept;
mod longer;
pub mod template;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;

use crate::delivery::{Delivery, Origin};
use crate::hint::{Hint, said};
use crate::patience::seconds;
use crate::plan::order::Order;
use crate::plan::{Batch, Declaration, Ending, Plan, Source, Use};
use crate::provider::{Ask, DocumentRef, End, Failure, FailureKind, Lease, Outcome, Provider};
use crate::secret::Secret;
use documents::Documents;
pub use documents::Key;
pub use kept::Kept;
use longer::Longer;
pub use value::Verdict;
use value::{Judge, failed};

/// A secret with its value, ready to be delivered.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Secret,
    /// How it lies on disk when it is a file of its own.
    pub delivery: Delivery,
    /// The backend that the value is from; nothing for a template and for a default.
    pub origin: Option<Origin>,
    /// Until when it is valid, where it, or what it is made of, is lent: the first of them to end.
    pub lease: Option<Lease>,
}

/// What a plan came to.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// What is delivered.
    pub secrets: Vec<Resolved>,
    /// What was absent without being an error, in the configuration's order.
    pub absent: Vec<Absent>,
    /// Of these nobody has said whether the line break at their end is meant, in the configuration's order.
    pub lines: Vec<Line>,
}

/// A secret of one line, with the line break at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The secret.
    pub name: String,
    /// A template of the plan takes it with the line break.
    pub is_in_a_template: bool,
}

/// A secret that was absent, and may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// The secret.
    pub name: String,
    /// Why it is absent: lower case, no full stop.
    pub cause: String,
    /// What is delivered in its place.
    pub stands_in: StandIn,
}

/// What is delivered in the place of an absent secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandIn {
    /// Nothing: it is optional.
    Nothing,
    /// Its default.
    Default,
}

/// One secret that could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The secret.
    pub name: String,
    /// The provider's name and the ref as written; nothing for templates.
    pub origin: Option<(String, String)>,
    /// What class of failure it is.
    pub kind: Class,
    /// Lower case, no full stop.
    pub cause: String,
    /// What to type next.
    pub hint: Option<Hint>,
}

/// The classes of failure that a user acts on differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The backend has no such thing.
    Absent,
    /// One of the provider's own.
    Provider(FailureKind),
    /// A template could not be rendered.
    Template,
}

/// Every secret that could not be had; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures(pub Vec<Failed>);

/// The instances that a plan names, built.
pub type Providers = BTreeMap<String, Result<Box<dyn Provider>, Failure>>;

/// What every secret of a plan came to, by name.
pub type Verdicts<'a> = BTreeMap<&'a str, Verdict>;

/// What became of every document of a plan, so far.
#[derive(Debug)]
pub struct Reading<'p> {
    documents: Documents<'p>,
    longer: Longer,
    /// What stands for documents that are not read, by those.
    kept: BTreeMap<Key<'p>, Kept>,
}

impl<'p> Reading<'p> {
    /// What became of each document.
    pub fn outcomes(&self) -> impl Iterator<Item = (Key<'p>, &Outcome)> {
        self.documents.all()
    }

    /// What became of this one.
    pub fn outcome<'d>(&'d self, key: Key<'d>) -> Option<&'d Outcome> {
        self.documents.of(key)
    }

    /// Notes what became of one. What was there before is over.
    pub fn replace(&mut self, key: Key<'p>, outcome: Outcome) {
        let _ = self.kept.remove(&key);
        self.documents.add(key.0, key.1, outcome);
    }

    /// What stands for this one.
    pub fn kept(&self, key: Key<'p>) -> Option<&Kept> {
        self.kept.get(&key)
    }
}

/// Reads and assembles everything that the plan wants and nobody has kept: all of it, or every failure.
pub async fn resolve(
    plan: &Plan<'_>,
    kept: Vec<Kept>,
    providers: &Providers,
    ask: &Ask,
) -> Result<Resolution, Failures> {
    let reading = gather(plan, Vec::new(), kept, providers, ask).await;
    deliver(plan, judge(plan, providers, &reading))
}

/// Reads everything that the plan wants and says what each secret came to.
pub async fn assess<'a>(plan: &Plan<'a>, providers: &Providers, ask: &Ask) -> Verdicts<'a> {
    let reading = gather(plan, Vec::new(), Vec::new(), providers, ask).await;
    judge(plan, providers, &reading)
}

/// Reads everything that the plan wants, but for documents of which it is known what became, or whose values are kept.
pub async fn gather<'p>(
    plan: &'p Plan<'_>,
    mut known: Vec<(Key<'p>, Outcome)>,
    kept: Vec<Kept>,
    providers: &Providers,
    ask: &Ask,
) -> Reading<'p> {
    let kept: BTreeMap<Key<'p>, Kept> =
        kept.into_iter().filter_map(|kept| Some((kept.key_in(plan)?, kept))).collect();
    known.extend(kept.keys().map(|key| (*key, Outcome::Readable)));
    let mut documents = read(plan, known, providers, ask).await;
    let longer = longer::look(plan, providers, ask, &documents).await;
    renew(plan, providers, ask, &mut documents).await;
    Reading { documents, longer, kept }
}

/// What each secret comes to, by what became of the documents.
pub fn judge<'a>(plan: &Plan<'a>, providers: &Providers, reading: &Reading<'_>) -> Verdicts<'a> {
    let mut judge = Judge::new(&reading.documents, &reading.longer, &reading.kept);
    let mut verdicts = Verdicts::new();
    for step in &plan.steps {
        if let Source::Reference(reference) = &step.declaration.source {
            let verdict = judge.judge(step.declaration, reference);
            let provider = providers.get(&reference.instance).and_then(|built| built.as_ref().ok());
            let verdict = match provider {
                Some(provider) => verdict.worded(|words| provider.discreet(words)),
                None => verdict,
            };
            verdicts.insert(&step.declaration.name, verdict);
        }
    }
    render_templates(plan, &mut verdicts);
    verdicts
}

/// Gives back at every provider what is of no use any more.
pub async fn close(providers: &Providers, end: End, ask: &Ask) {
    join_all(providers.values().filter_map(|built| Some(built.as_ref().ok()?.close(end, ask)))).await;
}

/// How often what is lent is taken anew, where all else took so long that it is nearly over.
const RENEWALS: usize = 2;

/// Takes anew what was lent and is nearly over: the rest of the plan may have been waited for.
async fn renew<'p>(plan: &'p Plan<'_>, providers: &Providers, ask: &Ask, documents: &mut Documents<'p>) {
    for _ in 0..RENEWALS {
        let now = ask.now();
        let over = plan.batches.iter().map(|batch| {
            let is_over =
                |document: &&'p DocumentRef| documents.is_nearly_over(&batch.instance, document, now);
            (batch, batch.documents.iter().filter(is_over).collect::<Vec<_>>())
        });
        let over: Vec<_> = over.filter(|(_, documents)| !documents.is_empty()).collect();
        if over.is_empty() {
            return;
        }
        let asked = over.into_iter().filter_map(|(batch, over)| {
            let provider = providers.get(&batch.instance)?.as_ref().ok()?;
            Some(async move {
                let wanted: Vec<DocumentRef> = over.iter().map(|document| (*document).clone()).collect();
                (batch, over, fetch(&**provider, &wanted, ask).await)
            })
        });
        for (batch, over, outcomes) in join_all(asked).await {
            for (document, outcome) in over.into_iter().zip(outcomes) {
                documents.add(&batch.instance, document, outcome);
            }
        }
    }
}

/// The outcome of every document of the plan. Backends are asked all at once.
async fn read<'p>(
    plan: &'p Plan<'_>,
    known: Vec<(Key<'p>, Outcome)>,
    providers: &Providers,
    ask: &Ask,
) -> Documents<'p> {
    let mut documents = Documents::default();
    for ((instance, document), outcome) in known {
        documents.add(instance, document, outcome);
    }
    let unknown = |batch: &'p Batch| -> Vec<&'p DocumentRef> {
        let is_unknown = |document: &&DocumentRef| documents.of((&batch.instance, document)).is_none();
        batch.documents.iter().filter(is_unknown).collect()
    };
    let wanted: Vec<_> = plan.batches.iter().map(|batch| (batch, unknown(batch))).collect();
    let wanted = wanted.into_iter().filter(|(_, wanted)| !wanted.is_empty());
    let answers = join_all(wanted.map(|(batch, wanted)| async move {
        let answers = read_batch(&batch.instance, &wanted, providers, ask).await;
        (batch, wanted, answers)
    }));
    for (batch, wanted, answers) in answers.await {
        for (document, answer) in wanted.into_iter().zip(answers) {
            documents.add(&batch.instance, document, answer);
        }
    }
    documents
}

async fn read_batch(
    instance: &str,
    documents: &[&DocumentRef],
    providers: &Providers,
    ask: &Ask,
) -> Vec<Outcome> {
    match providers.get(instance) {
        Some(Ok(provider)) => {
            let wanted: Vec<DocumentRef> = documents.iter().map(|document| (*document).clone()).collect();
            fetch(&**provider, &wanted, ask).await
        }
        Some(Err(failure)) => vec![Outcome::Failed(failure.clone()); documents.len()],
        None => Vec::new(),
    }
}

/// After the deadline a provider says what it waited for; one that does not is given up then.
const GRACE: Duration = Duration::from_secs(3);

/// Asks a provider. One that hangs is unreachable, and hides nothing of the others.
pub async fn fetch(provider: &dyn Provider, documents: &[DocumentRef], ask: &Ask) -> Vec<Outcome> {
    let outcomes = ask.patience.punctual(GRACE, provider.fetch(documents, ask)).await;
    outcomes.unwrap_or_else(|| {
        let failure = Failure {
            kind: FailureKind::Unreachable,
            cause: format!("the backend did not answer within {} s", seconds(ask.patience.given())),
            hint: said("give it longer with `--timeout 120s`"),
        };
        vec![Outcome::Failed(failure); documents.len()]
    })
}

/// Renders every template of the plan, inputs first.
fn render_templates<'a>(plan: &Plan<'a>, verdicts: &mut Verdicts<'a>) {
    let declarations: Vec<&'a Declaration> = plan.steps.iter().map(|step| step.declaration).collect();
    let Order { inputs_first, stuck } = Order::of(declarations.iter().copied());
    for index in inputs_first.into_iter().chain(stuck) {
        let declaration = declarations[index];
        let Source::Template { text, inputs } = &declaration.source else { continue };
        let verdict = if inputs.iter().all(|input| verdicts.contains_key(input.as_str())) {
            render(declaration, text, inputs, verdicts)
        } else {
            // `config` refuses circles and unknown names; a plan made otherwise still ends here.
            let cause = "the template names what is not there";
            Verdict::Failed(failed(declaration, Class::Template, cause))
        };
        verdicts.insert(&declaration.name, verdict);
    }
}

fn render(declaration: &Declaration, text: &str, inputs: &[String], verdicts: &Verdicts<'_>) -> Verdict {
    let mut present = Vec::new();
    let mut absent = Vec::new();
    // What is made of lent values is valid as long as the first of them to end.
    let mut lease: Option<Lease> = None;
    for input in inputs {
        match verdicts.get(input.as_str()) {
            Some(Verdict::Present { value, lease: lent, .. }) => {
                lease = lease.into_iter().chain(lent.clone()).min_by_key(Lease::end);
                present.push((input.as_str(), value));
            }
            Some(Verdict::Assumed { value, .. }) => present.push((input.as_str(), value)),
            Some(Verdict::Failed(_) | Verdict::Blocked(_)) => return Verdict::Blocked(input.clone()),
            Some(Verdict::Readable) => return Verdict::Readable,
            Some(Verdict::Omitted { .. }) | None => absent.push(input.as_str()),
        }
    }
    match template::render(text, &present, &absent) {
        Ok(value) => Verdict::Present { value, version: None, lease },
        Err(error) => {
            let hint = error.fault.hint().map(Hint::Said);
            Verdict::Failed(Failed { hint, ..failed(declaration, Class::Template, error.to_string()) })
        }
    }
}

/// All values, or all failures. A template that only waited for a failed secret is not listed beside it.
pub fn deliver(plan: &Plan<'_>, mut verdicts: Verdicts<'_>) -> Result<Resolution, Failures> {
    let (absent, lines) = (absent(plan, &verdicts), lines(plan, &verdicts));
    let mut secrets = Vec::new();
    let mut failures = Vec::new();
    for step in &plan.steps {
        let Declaration { name, delivery, source, .. } = step.declaration;
        let (value, origin, lease) = match verdicts.remove(name.as_str()) {
            Some(Verdict::Present { value, version, lease }) => (value, origin(source, version), lease),
            Some(Verdict::Assumed { value, .. }) => (value, None, None),
            Some(Verdict::Failed(failure)) => {
                failures.push(failure);
                continue;
            }
            Some(Verdict::Readable) => {
                let kind = Class::Provider(FailureKind::Malformed);
                failures.push(failed(step.declaration, kind, "the provider did not read it"));
                continue;
            }
            Some(Verdict::Omitted { .. } | Verdict::Blocked(_)) | None => continue,
        };
        if step.usage == Use::Delivered {
            secrets.push(Resolved { name: name.clone(), value, delivery: delivery.clone(), origin, lease });
        }
    }
    if failures.is_empty() { Ok(Resolution { secrets, absent, lines }) } else { Err(Failures(failures)) }
}

/// What was absent and is no failure, also where only a template names it.
fn absent(plan: &Plan<'_>, verdicts: &Verdicts<'_>) -> Vec<Absent> {
    let of = |name: &String| {
        let (cause, stands_in) = match verdicts.get(name.as_str())? {
            Verdict::Assumed { cause, .. } => (cause, StandIn::Default),
            Verdict::Omitted { cause } => (cause, StandIn::Nothing),
            Verdict::Present { .. } | Verdict::Readable | Verdict::Failed(_) | Verdict::Blocked(_) => {
                return None;
            }
        };
        Some(Absent { name: name.clone(), cause: cause.clone(), stands_in })
    };
    plan.steps.iter().filter_map(|step| of(&step.declaration.name)).collect()
}

/// The secrets of one line that end in a line break, of which the configuration does not say that it is meant.
fn lines(plan: &Plan<'_>, verdicts: &Verdicts<'_>) -> Vec<Line> {
    let is_line = |declaration: &&Declaration| {
        let Source::Reference(reference) = &declaration.source else { return false };
        let Some(Verdict::Present { value, .. }) = verdicts.get(declaration.name.as_str()) else {
            return false;
        };
        reference.ending == Ending::Unsaid && ending::is_line(value.expose())
    };
    let declarations = || plan.steps.iter().map(|step| step.declaration);
    let lines: Vec<&Declaration> = declarations().filter(is_line).collect();
    let mut taken = BTreeSet::new();
    for declaration in declarations().filter(|_| !lines.is_empty()) {
        if let Source::Template { text, .. } = &declaration.source {
            taken.extend(template::line_breaks(text));
        }
    }
    let line = |Declaration { name, .. }: &Declaration| Line {
        name: name.clone(),
        is_in_a_template: taken.contains(name.as_str()),
    };
    lines.into_iter().map(line).collect()
}

fn origin(source: &Source, version: Option<String>) -> Option<Origin> {
    match source {
        Source::Reference(reference) => Some(Origin { provider: reference.instance.clone(), version }),
        Source::Template { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;

    use super::*;
    use crate::patience::testing::{Virtual, run as block_on};
    use crate::plan::{Reference, WhenAbsent};
    use crate::provider::{Document, DocumentRef, Fetch, Shape};
    use crate::scope::Scope;

    /// Finishes only when as many fetches have begun as there are instances; answers only some documents.
    struct Together {
        begun: Arc<AtomicUsize>,
        instances: usize,
        answers: usize,
    }

    impl Provider for Together {
        fn fetch<'a>(&'a self, _: &'a [DocumentRef], _: &'a Ask) -> Fetch<'a> {
            Box::pin(async move {
                self.begun.fetch_add(1, Ordering::SeqCst);
                std::future::poll_fn(|context| {
                    context.waker().wake_by_ref();
                    let all = self.begun.load(Ordering::SeqCst) == self.instances;
                    if all { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                let content = Secret::new(b"v=1".to_vec());
                let version = Some("7".to_owned());
                let document = Document { content, shape: Shape::Dotenv, version, lease: None };
                vec![Outcome::Found(document); self.answers]
            })
        }
    }

    fn declare(name: &str, source: Source) -> Declaration {
        let (delivery, scope) = (Delivery::default(), Scope::default());
        Declaration { name: name.to_owned(), source, when_absent: WhenAbsent::Fail, delivery, scope }
    }

    fn from(instance: &str) -> Source {
        Source::Reference(Reference {
            written: "path".to_owned(),
            instance: instance.to_owned(),
            document: DocumentRef { path: "path".to_owned(), version: None, request: None },
            field: None,
            encoding: None,
            ending: Ending::Unsaid,
        })
    }

    fn run(declarations: &[Declaration], answers: usize) -> Result<Vec<Resolved>, Failures> {
        let begun = Arc::new(AtomicUsize::new(0));
        let provider = || -> Box<dyn Provider> {
            Box::new(Together { begun: Arc::clone(&begun), instances: 2, answers })
        };
        let providers = ["one", "two"].map(|name| (name.to_owned(), Ok(provider()))).into_iter().collect();
        let plan = Plan::new(declarations, &[]).unwrap();
        let ask = Ask { patience: Virtual::of_replies().patience(60, 1.0), ..Ask::default() };
        block_on(resolve(&plan, Vec::new(), &providers, &ask)).map(|resolution| resolution.secrets)
    }

    #[test]
    fn backends_are_asked_at_once_and_the_configurations_order_is_kept() {
        let template =
            Source::Template { text: "{{ B }}{{ A }}".to_owned(), inputs: vec!["A".into(), "B".into()] };
        let resolved =
            run(&[declare("T", template), declare("B", from("two")), declare("A", from("one"))], 1);
        let names: Vec<String> = resolved.unwrap().into_iter().map(|secret| secret.name).collect();
        assert_eq!(names, ["T", "B", "A"]);
    }

    #[test]
    fn each_value_comes_with_the_version_that_its_backend_names_and_nothing_else_does() {
        let template = Source::Template { text: "{{ A }}".to_owned(), inputs: vec!["A".into()] };
        let mut absent = declare("D", from("two"));
        if let Source::Reference(reference) = &mut absent.source {
            reference.field = crate::plan::field::FieldPath::parse("missing").ok();
        }
        absent.when_absent = WhenAbsent::Default("d".to_owned());
        let all = [declare("A", from("one")), declare("B", from("two")), declare("T", template), absent];
        let origins: Vec<_> = run(&all, 1).unwrap().into_iter().map(|secret| secret.origin).collect();
        let seven = |provider: &str| Some(Origin { provider: provider.into(), version: Some("7".into()) });
        assert_eq!(origins, [seven("one"), seven("two"), None, None]);
    }

    #[test]
    fn a_provider_that_does_not_answer_is_a_failure_of_its_secrets() {
        let failures = run(&[declare("A", from("one")), declare("B", from("two"))], 0).unwrap_err();
        assert_eq!(failures.0.len(), 2);
        assert!(failures.0[0].cause.contains("no answer"));
    }

    /// Never answers.
    struct Silent;

    impl Provider for Silent {
        fn fetch<'a>(&'a self, _: &'a [DocumentRef], _: &'a Ask) -> Fetch<'a> {
            Box::pin(std::future::pending())
        }
    }

    #[test]
    fn a_backend_that_hangs_is_unreachable_for_each_of_its_documents() {
        let ask = Ask { patience: Virtual::new().patience(60, 1.0), ..Ask::default() };
        let document = DocumentRef { path: "p".into(), version: None, request: None };
        let outcomes = block_on(fetch(&Silent, &[document.clone(), document], &ask));
        assert_eq!(outcomes.len(), 2);
        for outcome in outcomes {
            let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
            assert_eq!(failure.kind, FailureKind::Unreachable);
            assert_eq!(failure.cause, "the backend did not answer within 60 s");
        }
    }

    #[test]
    fn an_answer_that_is_there_counts_at_the_deadline_too() {
        let ask = Ask::until(std::time::Instant::now(), crate::log::Log::default());
        let document = DocumentRef { path: "p".into(), version: None, request: None };
        let begun = Arc::new(AtomicUsize::new(0));
        let provider = Together { begun, instances: 1, answers: 1 };
        let outcomes = crate::http::testing::run(fetch(&provider, &[document], &ask));
        assert!(matches!(outcomes[..], [Outcome::Found(_)]));
    }

    #[test]
    fn a_template_that_waits_for_a_failed_secret_is_not_listed_beside_it() {
        let template = Source::Template { text: "{{ A }}".to_owned(), inputs: vec!["A".to_owned()] };
        let failures =
            run(&[declare("A", from("one")), declare("B", from("two")), declare("T", template)], 0);
        let names: Vec<String> = failures.unwrap_err().0.into_iter().map(|failed| failed.name).collect();
        assert_eq!(names, ["A", "B"]);
    }
}
