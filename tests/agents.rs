//! Verbs agents in guests, where there is a kernel and this was built with agents; otherwise a
//! note says why not.

use crate::support::{guest_kernel, skip};
use std::path::{Path, PathBuf};
use std::time::Duration;
use xoff_conformance::conform::Facts;
use xoff_conformance::conform::arm::lab::LabStage;
use xoff_conformance::conform::evidence::{Evidence, Status};
use xoff_conformance::conform::run::{Stage, StageError, model};
use xoff_conformance::conform::suite::{self, Means, Wrong};
use xoff_conformance::lab::run::Options;
use xoff_sim::wire::ip::Kind;

/// Guests of one test; None, with a note, if there can be none.
struct Guests {
    kernel: PathBuf,
    temporary: PathBuf,
}

impl Guests {
    fn new(name: &str) -> Option<Guests> {
        let temporary = std::env::temp_dir().join(format!("xoff-a-{name}-{}", std::process::id()));
        let kernel = guest_kernel(name)?;
        std::fs::create_dir_all(&temporary).unwrap();
        Some(Guests { kernel, temporary })
    }

    fn stage(&self) -> LabStage<'_> {
        LabStage {
            options: Options {
                kernel: &self.kernel,
                program: Path::new(env!("CARGO_BIN_EXE_xoff")),
                temporary: &self.temporary,
                directory: Path::new("/"),
                driver: "rxe",
                mtu: 1500,
                memory: 256,
                timeout: Duration::from_secs(60),
                capture: None,
                switch: false,
            },
        }
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.temporary);
    }
}

fn observe(stage: &mut LabStage<'_>, experiment: &str, rules: &str) -> Option<Evidence> {
    match stage.observe(&model(experiment, rules).unwrap()) {
        Ok(evidence) => Some(evidence),
        Err(StageError::Unable(why)) if !cfg!(feature = "verbs") => {
            assert!(why.contains("built without verbs"), "{why}");
            skip(experiment, &why);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_operation_arrives_whole() {
    let Some(guests) = Guests::new("clean") else {
        return;
    };
    let mut stage = guests.stage();
    let Some(seen) = observe(&mut stage, "clean", "") else {
        return;
    };
    for flow in &seen.flows {
        let done = flow
            .completions
            .iter()
            .filter(|c| c.status == Status::Success);
        assert_eq!(done.count() as u64, flow.messages, "{flow:?}");
        assert_eq!(flow.intact, Some(true), "{flow:?}");
    }
    assert_eq!(seen.flows.len(), 6);
    assert_eq!(seen.flows[1].received.len() as u64, seen.flows[1].messages);
}

#[test]
fn scripts_judge_real_queue_pairs() {
    let Some(guests) = Guests::new("scripts") else {
        return;
    };
    let mut stage = guests.stage();
    for case in suite::cases().filter(|case| ["RC-26", "RC-27"].contains(&case.id)) {
        let Means::Script(script) = case.means else {
            panic!("{} is no script", case.id);
        };
        let judged = match stage.script(&script, None) {
            Ok(judged) => judged,
            Err(StageError::Unable(why)) if !cfg!(feature = "verbs") => return skip(case.id, &why),
            Err(error) => panic!("{error}"),
        };
        assert!(judged.stimuli > 0 && judged.faults.is_empty(), "{judged:?}");
        let Wrong::Verbs(lie) = case.mutants[0].wrong else {
            panic!("{}: the first mutant lies", case.id);
        };
        let judged = stage.script(&script, Some(lie)).unwrap();
        assert!(!judged.faults.is_empty(), "{}: {judged:?}", case.id);
    }
}

#[test]
fn hosts_speak_ipv6() {
    let Some(guests) = Guests::new("ipv6") else {
        return;
    };
    let Some(seen) = observe(&mut guests.stage(), "ipv6", "") else {
        return;
    };
    assert!(seen.flows.iter().all(|flow| flow.intact == Some(true)));
    let facts = Facts::new(&seen);
    let mut v6 = facts.sent().map(|(_, packet)| &packet.network.kind);
    assert!(v6.all(|kind| matches!(kind, Kind::V6 { .. })));
}
