//! Verbs agents in guests, where there is a kernel and this was built with agents; otherwise a
//! note says why not.

use crate::support::{guest_kernel, skip};
use std::path::Path;
use std::time::Duration;
use xoff_conformance::conform::arm::lab::LabStage;
use xoff_conformance::conform::evidence::{Evidence, Status};
use xoff_conformance::conform::run::{Stage, StageError, model};

/// None, with a note, if there can be no guests.
fn stage(name: &str) -> Option<LabStage> {
    Some(LabStage {
        kernel: guest_kernel(name)?,
        program: Path::new(env!("CARGO_BIN_EXE_xoff")).to_owned(),
        temporary: std::env::temp_dir(),
        driver: "rxe".to_owned(),
        timeout: Duration::from_secs(60),
    })
}

fn observe(stage: &mut LabStage, experiment: &str, rules: &str) -> Option<Evidence> {
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
    let Some(mut stage) = stage("agents") else {
        return;
    };
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
