//! The input language: TOML text becomes a [`Plan`].
//!
//! Steps: the text is parsed into a document that knows where everything stands ([`edit`]); `--set`
//! options change it, and each combination of the axes changes a copy ([`axes`]); profiles inherit;
//! the result is read into plain structs ([`raw`]) and resolved into a [`Model`]. Every mistake
//! becomes a [`Diagnostic`] that points into the file.

mod axes;
mod context;
mod demands;
mod diag;
mod diagnostic;
mod edit;
pub mod edits;
mod faults;
pub mod hpcc;
mod judge;
mod maps;
pub mod metrics;
mod network;
mod nics;
mod output;
pub mod plan;
mod ports;
mod profiles;
mod quantity;
mod raw;
mod rules;
mod traffic;
mod validate;
pub mod workload;

#[cfg(test)]
mod tests;

use crate::metrics::expect::Expectation;
use crate::plan::{Case, Located, Plan};
use axes::Axis;
pub use diag::suggest;
use diag::{Mistake, Mistakes, Source};
pub use diagnostic::Diagnostic;
use edit::Document;
use judge::Expected;
use network::{Network, ProfileNames};
use nics::Nic;
pub(crate) use profiles::{default_dscp_map, default_marking};
use quantity::{Given, OrOff, Scalar};
use raw::*;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use xoff_model::rng::mix;
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::BitRate;
use xoff_model::*;
use xoff_sim::footprint;

/// What the command line changes in a scenario.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Dotted path and value: `switch.default.pfc.mode`, `off`. The value is TOML, or else a
    /// string. Elements of lists are chosen by index from 0, by name, or all with `*`.
    pub sets: Vec<(String, String)>,
    pub seed: Option<u64>,
    /// Some(None): the run has no end of its own.
    pub until: Option<Option<SimDuration>>,
    /// Only cases with these labels: `AXIS=LABEL` or `LABEL`; commas mean and, several mean or.
    pub cases: Vec<String>,
    /// Bytes of memory that the cases may take. None: as many as they need.
    pub memory: Option<u64>,
}

/// A rate as scenarios state it: never zero.
///
/// # Errors
/// What is wrong with it.
pub fn rate(text: &str) -> Result<BitRate, String> {
    BitRate::from_text(text)
}

/// A time as scenarios state it.
///
/// # Errors
/// What is wrong with it.
pub fn time(text: &str) -> Result<SimDuration, String> {
    SimDuration::from_text(text)
}

/// Reads a file that a scenario refers to, by its path relative to the scenario.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Stop of a scenario that states none.
const DEFAULT_UNTIL: SimDuration = SimDuration::from_ms(10_000);

/// Reads a scenario. On failure, all mistakes that could be found.
pub fn load(
    file_name: &str,
    text: &str,
    over: &Overrides,
    read: ReadFile<'_>,
) -> Result<Plan, Vec<Diagnostic>> {
    let source = Source::new(file_name, text, &over.sets);
    let mut mistakes = Mistakes::default();
    match plan(&source, over, read, &mut mistakes) {
        Some(plan) if mistakes.is_empty() => Ok(plan),
        _ => {
            if mistakes.is_empty() {
                mistakes.push(&(0..0), "the scenario cannot be read".to_owned(), "", "");
            }
            Err(diagnostics(&source, mistakes))
        }
    }
}

/// The JSON schema (draft 2020-12) of scenario files.
pub fn json_schema() -> schemars::Schema {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_deserialize();
    let settings = settings.with_transform(schemars::transform::RecursiveTransform(without_null));
    settings
        .into_generator()
        .into_root_schema_for::<RawScenario>()
}

/// TOML has no null: an optional key is simply left out.
fn without_null(schema: &mut schemars::Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(types) = object.get_mut("type").and_then(|t| t.as_array_mut()) {
        types.retain(|t| t != "null");
        if let [one] = &types[..] {
            let one = one.clone();
            object.insert("type".to_owned(), one);
        }
    }
    let Some(options) = object.get_mut("anyOf").and_then(|o| o.as_array_mut()) else {
        return;
    };
    options.retain(|o| o.get("type").is_none_or(|t| t != "null"));
    if let [one] = &mut options[..] {
        let one = one.take();
        object.remove("anyOf");
        if let Some(inner) = one.as_object() {
            for (key, value) in inner {
                object.entry(key.clone()).or_insert(value.clone());
            }
        }
    }
}

/// In the order of the file, each once.
fn diagnostics(source: &Source<'_>, mut mistakes: Mistakes) -> Vec<Diagnostic> {
    let kept = mistakes.list.len();
    if mistakes.is_full() {
        // Who looks for mistakes may stop when no more are kept.
        let verb = match mistakes.count() > kept {
            true => "are",
            false => "may be",
        };
        let message = format!("there {verb} more mistakes than these {kept}");
        mistakes.list.push(Mistake {
            span: 0..0,
            message,
            label: String::new(),
            help: None,
            file: None,
        });
    }
    mistakes.list.sort_by_key(|m| m.span.start);
    let mut list: Vec<Diagnostic> = Vec::new();
    for mistake in mistakes.list {
        let diagnostic = source.diagnostic(mistake);
        if !list.contains(&diagnostic) {
            list.push(diagnostic);
        }
    }
    list
}

fn plan(
    source: &Source<'_>,
    over: &Overrides,
    read: ReadFile<'_>,
    mistakes: &mut Mistakes,
) -> Option<Plan> {
    let mut document = edit::parse(source, mistakes)?;
    if !edit::is_bounded(&document, mistakes) {
        return None;
    }
    let stated = stated_axes(&document, source);
    let options = edit::options(source);
    for option in &options {
        edit::assign(&mut document, option, mistakes);
    }
    let raw = typed(&document, source, mistakes)?;
    let axes = axes::read(&document, &raw, mistakes);
    if !axes::are_few(&axes, &raw, mistakes) {
        return None;
    }
    let (chosen, unmatched) = axes::choose(&axes, axes::combinations(&axes), &over.cases);
    let in_use: BTreeSet<(usize, usize)> = chosen
        .iter()
        .flat_map(|picked| picked.iter().copied().enumerate())
        .collect();
    axes::without_rivals(
        &axes,
        &|axis, case| in_use.contains(&(axis, case)),
        &options,
        mistakes,
    );
    let labels = axes::labels(&axes, &stated);
    let expected = judge::expectations(&raw, &labels, source, mistakes);
    let agreements = judge::agreements(&raw, &labels, source, mistakes);
    let report = judge::report(&raw.report, &labels, mistakes);
    if !mistakes.is_empty() && axes.iter().any(|a| a.cases.is_empty()) {
        return None;
    }
    edit::forget_cases(&mut document);
    let maker = Maker {
        source,
        over,
        read,
        axes: &axes,
        expected: &expected,
        document: &document,
        raw: &raw,
    };
    let cases = maker.cases(&chosen, mistakes);
    let nodes = cases.first().map_or(&[][..], |case| &case.model.nodes);
    let files = output::files(&raw.simulation.hpcc, nodes, mistakes);
    let name = source.name();
    let title = raw.title.given().unwrap_or_else(|| name.clone());
    let of_axis = |axis: &Axis<'_>| {
        let labels = axis.cases.iter().map(|case| case.label.clone());
        (axis.name.clone(), labels.collect())
    };
    Some(Plan {
        name,
        title,
        cases,
        labels: axes.iter().map(of_axis).collect(),
        unmatched,
        report,
        agreements,
        hash: hash(source, over),
        files,
    })
}

/// Makes cases from combinations of the axes.
struct Maker<'m, 'a> {
    source: &'m Source<'a>,
    over: &'m Overrides,
    read: ReadFile<'m>,
    axes: &'m [Axis<'a>],
    expected: &'m [Expected],
    /// What all cases begin with, and what it means.
    document: &'m Document<'a>,
    raw: &'m RawScenario,
}

impl Maker<'_, '_> {
    fn cases(&self, chosen: &[Vec<usize>], mistakes: &mut Mistakes) -> Vec<Case> {
        let mut cases = Vec::new();
        let mut found: Vec<Found> = Vec::new();
        let mut room = Room::new(self.over.memory);
        for picked in chosen {
            let picked = self.axes.iter().zip(picked);
            let picked = picked.map(|(axis, i)| (axis, &axis.cases[*i]));
            let labels: Vec<(String, String)> = picked
                .clone()
                .map(|(axis, case)| (axis.name.clone(), case.label.clone()))
                .collect();
            let mut own = Mistakes::default();
            let mut sets = picked.flat_map(|(_, case)| &case.sets).peekable();
            let changed = match sets.peek() {
                // Large scenarios have one case: no copy of them is made.
                None => None,
                Some(_) => {
                    let mut document = self.document.clone();
                    sets.for_each(|set| edit::assign(&mut document, set, &mut own));
                    Some(typed(&document, self.source, &mut own))
                }
            };
            let raw = match &changed {
                None => Some(self.raw),
                Some(raw) => raw.as_ref(),
            };
            if let Some(raw) = raw {
                let model = model(raw, self.over, self.read, &mut own);
                let expectations = judge::for_case(self.expected, &labels);
                room.take(&model, &expectations, &mut own);
                cases.push(Case {
                    labels: labels.clone(),
                    model,
                    expectations,
                });
            }
            mistakes.add_unkept(&own);
            collect(&mut found, own, &labels);
            // The same mistakes would come again and again.
            if found.len() > 20 || room.is_over {
                break;
            }
        }
        let count = chosen.len();
        found.into_iter().for_each(|f| mistakes.add(f.named(count)));
        cases
    }
}

/// Checks that the cases of a scenario may hold together, each with what it expects.
const MAX_CHECKS: usize = 250_000;

/// How much cases may still take.
struct Room {
    memory: Option<u64>,
    checks: usize,
    is_over: bool,
}

impl Room {
    fn new(memory: Option<u64>) -> Room {
        Room {
            memory,
            checks: MAX_CHECKS,
            is_over: false,
        }
    }

    /// Counts a case. What is kept of it stays until the last case has run.
    fn take(&mut self, model: &Model, checks: &[Arc<Located<Expectation>>], own: &mut Mistakes) {
        let size = footprint::of_model(model);
        if let Some(memory) = &mut self.memory {
            match memory.checked_sub(size) {
                Some(left) => *memory = left,
                None => {
                    let message = "all cases together need more memory than there is".to_owned();
                    let help = "use fewer cases (--case chooses some), or a smaller network";
                    own.push(&(0..0), message, "", help);
                    self.is_over = true;
                }
            }
        }
        match self.checks.checked_sub(checks.len()) {
            Some(left) => self.checks = left,
            None => {
                let message = format!("all cases together have more than {MAX_CHECKS} checks");
                own.push(&(0..0), message, "", "use `when`, or fewer cases");
                self.is_over = true;
            }
        }
    }
}

fn typed(
    document: &Document<'_>,
    source: &Source<'_>,
    mistakes: &mut Mistakes,
) -> Option<RawScenario> {
    let complete = |mistakes: &mut Mistakes| {
        let mut complete = document.clone();
        edit::inherit(&mut complete, mistakes);
        complete
    };
    match edit::typed(complete(mistakes)) {
        Ok(raw) => Some(raw),
        Err(error) => {
            let again = complete(&mut Mistakes::default());
            edit::explain(&again, &error, source.text.len(), mistakes);
            None
        }
    }
}

/// The axes of the file as it is written, if options change it. It alone need not be sound: options
/// may mend it.
fn stated_axes<'d>(document: &Document<'d>, source: &Source<'_>) -> Vec<Axis<'d>> {
    let mut ignored = Mistakes::default();
    match source.sets {
        [] => Vec::new(),
        _ => typed(document, source, &mut ignored)
            .map_or(Vec::new(), |raw| axes::read(document, &raw, &mut ignored)),
    }
}

/// A mistake and the cases in which it occurs.
struct Found {
    mistake: Mistake,
    count: usize,
    labels: Vec<(String, String)>,
}

impl Found {
    /// Names the first case that has the mistake, unless all cases have it.
    fn named(self, cases: usize) -> Mistake {
        let mut mistake = self.mistake;
        if self.count < cases {
            let labels: Vec<String> = self
                .labels
                .iter()
                .map(|(a, l)| format!("{a}={l}"))
                .collect();
            mistake.message = format!("{} (case {})", mistake.message, labels.join(", "));
        }
        mistake
    }
}

fn collect(found: &mut Vec<Found>, own: Mistakes, labels: &[(String, String)]) {
    for mistake in own.list {
        match found.iter_mut().find(|f| f.mistake == mistake) {
            Some(known) => known.count += 1,
            None => found.push(Found {
                mistake,
                count: 1,
                labels: labels.to_vec(),
            }),
        }
    }
}

/// Resolves one case. The model is meaningful only if no mistake was found.
fn model(
    raw: &RawScenario,
    over: &Overrides,
    read: ReadFile<'_>,
    mistakes: &mut Mistakes,
) -> Model {
    let seed = over.seed.unwrap_or(raw.seed.get_or(1));
    let framing = framing(&raw.simulation.framing, mistakes);
    let names = ProfileNames::new(raw);
    let network = network::build(raw, &names, over.memory, mistakes);
    let (mut nics, mut switches) = profiles(raw, &names, &network, framing, mistakes);
    let given = (raw, &network, &names);
    let exceptions = ports::exceptions(given, &mut nics, &mut switches, mistakes);
    let context = context::Context {
        network: &network,
        nics: &nics,
        seed,
        fixed: matches!(framing, Framing::Fixed { .. }),
        read,
        work: Cell::new(network::MAX_COMPARISONS),
        memory: over.memory,
    };
    let flows = traffic::build(raw, &context, mistakes);
    let nics: Vec<NicProfile> = nics.into_iter().map(|n| n.profile).collect();
    let faults = faults::build(raw, &network, &nics.iter().collect::<Vec<_>>(), mistakes);
    validate::ruled(raw, framing, mistakes);
    let rules = rules::build(raw, &network, mistakes);
    let simulation = &raw.simulation;
    let until = over
        .until
        .unwrap_or(raw.until.get_or(OrOff(Some(DEFAULT_UNTIL))).0);
    let scan = can_pause(&nics, &switches).then_some(SimDuration::from_ms(1));
    check_intervals(simulation, mistakes);
    let model = Model {
        seed,
        until: until.map(|u| SimTime::ZERO + u),
        framing,
        ecmp: match simulation.ecmp.get_or(RawEcmp::Mixed) {
            RawEcmp::Mixed => EcmpHash::Mixed,
            RawEcmp::HpccNs3 => EcmpHash::HpccNs3,
        },
        nodes: network.nodes.clone(),
        nics,
        switches,
        links: network.links.clone(),
        exceptions,
        flows,
        faults,
        rules,
        sample: simulation.sample.get_or(OrOff(None)).0,
        queue_watch: output::queue_watch(&simulation.hpcc, mistakes),
        deadlock_scan: simulation.deadlock_scan.get_or(OrOff(scan)).0,
        log_pauses: simulation.log_pauses.get_or(false) || simulation.hpcc.pfc.is_some(),
    };
    validate::budgets(raw, &model, &network, mistakes);
    model
}

fn can_pause(nics: &[NicProfile], switches: &[SwitchProfile]) -> bool {
    let nics = nics.iter().flat_map(NicProfile::ports).map(|p| &p.pfc);
    let switches = switches.iter().flat_map(SwitchProfile::ports);
    let mut pauses = nics.chain(switches.map(|p| &p.pfc));
    pauses.any(|pause| pause.mode != PauseMode::Off)
}

fn check_intervals(simulation: &RawSimulation, mistakes: &mut Mistakes) {
    let samples = simulation.sample.as_ref();
    if let Some(zero) = samples.filter(|s| s.0 == Some(SimDuration::ZERO)) {
        mistakes.at(zero, "an interval of zero", "use \"off\" for none");
    }
    let shortest = SimDuration::from_us(1);
    let scans = simulation.deadlock_scan.as_ref();
    if let Some(given) = scans.filter(|s| s.0.is_some_and(|every| every < shortest)) {
        let help = "use at least 1us, or \"off\" for none: each scan looks at all queues";
        mistakes.at(given, "too short an interval", help);
    }
}

fn framing(raw: &RawFraming, mistakes: &mut Mistakes) -> Framing {
    let roce = raw.kind.get_or(RawFramingKind::RoceV2) == RawFramingKind::RoceV2;
    let spans = [
        (raw.vlan.as_ref().map(|v| &v.span), true),
        (raw.ipv6.as_ref().map(|v| &v.span), true),
        (raw.data_overhead.as_ref().map(|v| &v.span), false),
        (raw.control_bytes.as_ref().map(|v| &v.span), false),
        (raw.pad_last.as_ref().map(|v| &v.span), false),
    ];
    for (span, for_roce) in spans {
        if let Some(span) = span.filter(|_| for_roce != roce) {
            let kind = if roce { "rocev2" } else { "fixed" };
            mistakes.push(
                span,
                format!("this key has no meaning for {kind} framing"),
                "",
                "",
            );
        }
    }
    for given in [&raw.data_overhead, &raw.control_bytes]
        .into_iter()
        .flatten()
    {
        if given.value > 65_536 {
            mistakes.at(given, "more than 65536 bytes", "");
        }
    }
    if let Some(zero) = raw.control_bytes.as_ref().filter(|v| v.value == 0) {
        mistakes.at(zero, "control packets of zero bytes", "use at least 1");
    }
    match roce {
        true => Framing::RoceV2 {
            vlan: raw.vlan.get_or(false),
            ipv6: raw.ipv6.get_or(false),
        },
        false => Framing::Fixed {
            data_overhead: raw.data_overhead.get_or(64),
            control_bytes: raw.control_bytes.get_or(64),
            pad_last: raw.pad_last.get_or(false),
        },
    }
}

/// All profiles, in the order of their names.
fn profiles(
    raw: &RawScenario,
    names: &ProfileNames,
    network: &Network,
    framing: Framing,
    mistakes: &mut Mistakes,
) -> (Vec<Nic>, Vec<SwitchProfile>) {
    let [nic_rates, switch_rates] = network.rates(names);
    let (no_nic, no_switch) = (RawNic::default(), RawSwitch::default());
    let nics = names.nics.iter().zip(nic_rates).map(|(name, rates)| {
        let rates = validate::rates_or(rates, network.rate);
        let raw = raw.nic.get(name).map_or(&no_nic, |n| &n.value);
        nics::nic(name, raw, &rates, framing, mistakes)
    });
    let nics = nics.collect();
    let switches = names
        .switches
        .iter()
        .zip(switch_rates)
        .map(|(name, rates)| {
            let rates = validate::rates_or(rates, network.rate);
            let raw = raw.switch.get(name).map_or(&no_switch, |s| &s.value);
            profiles::switch(name, raw, &rates, mistakes)
        });
    let switches = switches.collect();
    (nics, switches)
}

/// 64 bits that depend on the text and all overrides, as 16 hex digits.
fn hash(source: &Source<'_>, over: &Overrides) -> String {
    let mut state = 0u64;
    let mut absorb = |bytes: &[u8]| {
        state = mix(state ^ bytes.len() as u64);
        for byte in bytes {
            state = mix(state ^ u64::from(*byte));
        }
    };
    absorb(source.text.as_bytes());
    for (path, value) in source.sets {
        absorb(path.as_bytes());
        absorb(value.as_bytes());
    }
    let until = over.until.map(|until| until.map(SimDuration::ps));
    match until {
        Some(None) => absorb(format!("{:?} off", over.seed).as_bytes()),
        _ => absorb(format!("{:?} {:?}", over.seed, until.flatten()).as_bytes()),
    }
    format!("{state:016x}")
}
