//! Every judge on the simulator: it finds no fault with it, and each mutant is caught.

use super::{Case, cases};
use crate::Verdict;
use crate::conform::arm::sim::SimStage;
use crate::conform::profile::Profile;
use crate::conform::run::{self, Outcome, Plan};
use crate::conform::{Arm, Judged, mutants};

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
    cases().filter(|case| case.id.starts_with(&wanted)).collect()
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
    let caught = mutants::run(&mut SimStage, &on_sim(), printer, &mut |_| {}).unwrap();
    let mut wrong = Vec::new();
    for outcome in caught {
        if !matches!(outcome.verdict, Verdict::Pass | Verdict::Skip(_)) {
            wrong.push(format!("{} {}", outcome.id, outcome.mutant));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
