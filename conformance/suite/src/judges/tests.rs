//! Every judge on the simulator: it finds no fault with it, and each mutant is caught.

use super::{Case, Means, cases};
use crate::arm::sim::{self, SimStage};
use crate::profile::Profile;
use crate::run::{self, Outcome, Plan};
use crate::{Arm, Evidence, Facts, Judged, mutants};
use proptest::prelude::*;
use proptest::sample::Index;
use xoff_checks::Verdict;
use xoff_checks::iwarp::IW_02;
use xoff_checks::wire::W_07;

/// The printer's self-check is where the printers are.
fn printed(_: Option<&str>) -> Judged {
    Judged {
        stimuli: 1,
        ..Judged::default()
    }
}

fn outcomes(cases: &[&'static Case]) -> Vec<Outcome> {
    let plan = Plan {
        profile: Profile::of(Arm::Sim),
        cases,
        events: &[],
        printer: printed,
    };
    run::run(&mut SimStage, &plan, &mut |_| {}).unwrap()
}

fn on_sim() -> Vec<&'static Case> {
    let wanted = std::env::var("XOFF_CASES").unwrap_or_default();
    cases()
        .filter(|case| case.check.id.starts_with(&wanted))
        .collect()
}

#[test]
fn the_simulator_passes() {
    let mut wrong = Vec::new();
    for outcome in outcomes(&on_sim()) {
        let fine = matches!(outcome.verdict, Verdict::Pass | Verdict::Skip(_));
        if !fine {
            let (id, verdict) = (outcome.check.id, &outcome.verdict);
            wrong.push(format!("{id} {verdict:?}: {}", outcome.detail()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_mutant_is_caught() {
    let printer = |spoilt: Option<&str>| {
        let mut judged = printed(None);
        if spoilt.is_some() {
            judged.fault("spoilt".to_owned(), &[]);
        }
        judged
    };
    let plan = Plan {
        profile: Profile::of(Arm::Sim),
        cases: &on_sim(),
        events: &[],
        printer,
    };
    let caught = mutants::run(&mut SimStage, &plan, &mut |_| {}).unwrap();
    let mut wrong = Vec::new();
    for outcome in caught {
        if !matches!(outcome.verdict, Verdict::Pass | Verdict::Skip(_)) {
            wrong.push(format!("{} {}", outcome.check.id, outcome.mutant));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A capture of real kernels, made for this repository (`traces/README.md`).
struct Captured(Evidence);

impl crate::arm::Stage for Captured {
    fn arm(&self) -> Arm {
        Arm::Trace
    }

    fn observe(&mut self, _: &xoff_model::Model) -> Result<Evidence, crate::arm::StageError> {
        Err(crate::arm::StageError::Unable("a capture".to_owned()))
    }

    fn script(
        &mut self,
        _: &crate::script::Script,
        _: Option<crate::arm::Lie>,
    ) -> Result<Judged, crate::arm::StageError> {
        Err(crate::arm::StageError::Unable("a capture".to_owned()))
    }

    fn fixed(&mut self) -> Option<Evidence> {
        Some(self.0.clone())
    }
}

fn captured(name: &str) -> Captured {
    let path = format!(
        "{}/../../traces/captures/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    let file = Box::new(std::fs::File::open(path).unwrap());
    let reader = xoff_trace::capture::read::Reader::new(file, name).unwrap();
    Captured(crate::arm::trace::read(reader).unwrap())
}

/// IDs of checks with each verdict: pass, excused, inconclusive; and what failed.
fn of_capture(name: &str, profile: &str) -> [String; 4] {
    let cases: Vec<&'static Case> = cases().collect();
    let plan = Plan {
        profile: Profile::find(profile).unwrap(),
        cases: &cases,
        events: &[],
        printer: printed,
    };
    let outcomes = run::run(&mut captured(name), &plan, &mut |_| {}).unwrap();
    let mut groups: [Vec<String>; 4] = Default::default();
    for outcome in outcomes {
        let id = outcome.check.id.to_owned();
        match outcome.verdict {
            Verdict::Pass if id.starts_with("H-") => {}
            Verdict::Pass => groups[0].push(id),
            Verdict::Xfail(_) => groups[1].push(id),
            Verdict::Inconclusive(_) => groups[2].push(id),
            Verdict::Skip(_) => {}
            _ => groups[3].push(format!("{id} {}\n", outcome.detail())),
        }
    }
    groups.map(|group| group.join(" "))
}

#[test]
fn real_kernels_pass_in_captures() {
    let formats = "W-01 W-05 W-06 W-08 W-10 W-12 W-13";
    for name in [
        "linux_rc_loss.pcap.gz",
        "linux_rc_ackloss.pcap.gz",
        "linux_rc_dup.pcap.gz",
        "linux_rc_swap.pcap.gz",
        "linux_at_loss.pcap.gz",
        "linux_rnr.pcap.gz",
        "linux_rp_loss.pcap.gz",
        "linux_smbd.pcap.gz",
    ] {
        let [passed, excused, _, failed] = of_capture(name, "rxe");
        assert_eq!(failed, "", "{name}: {failed}");
        assert_eq!(excused, W_07.id, "{name}");
        let atomics = name.contains("_at_");
        let wanted = if atomics {
            "W-01 W-05 W-06 W-08"
        } else {
            formats
        };
        for id in wanted.split(' ') {
            assert!(passed.contains(id), "{name}: {id} in {passed}");
        }
    }
}

#[test]
fn iwarp_is_judged_in_captures() {
    let [passed, excused, _, failed] = of_capture("linux_siw_loss.pcap.gz", "siw");
    assert_eq!((passed.as_str(), excused.as_str()), ("W-24 W-25", IW_02.id));
    assert_eq!(failed, "");
    // What is no iWARP gives no verdicts.
    let [passed, excused, _, failed] = of_capture("linux_rc_loss.pcap.gz", "siw");
    assert_eq!([passed, excused, failed], ["", "", ""]);
}

/// The beginning of an experiment, or of a capture.
fn beginning(name: &str) -> Evidence {
    let mut evidence = match name.contains('.') {
        true => captured(name).0,
        false => sim::observe(&crate::experiment::model(name, "").unwrap()).unwrap(),
    };
    evidence.frames.truncate(400);
    evidence
}

/// Puts anything into the bytes, times and numbers of evidence.
fn spoil(evidence: &mut Evidence, bytes: &[(Index, Index, u8)], cuts: &[(Index, Index, u64)]) {
    for (frame, at, value) in bytes {
        let frame = frame.get_mut(&mut evidence.frames);
        *at.get_mut(&mut frame.bytes) ^= value;
    }
    for (frame, len, at_ns) in cuts {
        let frame = frame.get_mut(&mut evidence.frames);
        frame.bytes.truncate(len.index(frame.bytes.len()).max(1));
        frame.at_ns = *at_ns;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn judges_survive_anything(
        name in prop::sample::select(vec!["clean", "counted", "pfc-timed", "marked",
                                              "linux_siw_loss.pcap.gz"]),
        bytes in prop::collection::vec(any::<(Index, Index, u8)>(), 0..200),
        cuts in prop::collection::vec(any::<(Index, Index, u64)>(), 0..20),
        mtu in prop_oneof![Just(0), Just(1024), any::<u32>()],
        huge: bool,
        expected: bool,
    ) {
        let mut evidence = beginning(name);
        spoil(&mut evidence, &bytes, &cuts);
        evidence.mtu = mtu;
        if huge {
            for flow in &mut evidence.flows {
                (flow.messages, flow.message_bytes) = (u64::MAX, u64::MAX - 1);
            }
            for counters in &mut evidence.counters {
                counters.values_mut().for_each(|value| *value = u64::MAX);
            }
        }
        let profile = if expected { "cx5" } else { "rxe" };
        let facts = Facts::new(&evidence).expecting(Profile::find(profile).unwrap().expect);
        for case in cases() {
            if let Means::Judge { judge, .. } = case.means {
                judge(&facts);
            }
        }
    }
}
