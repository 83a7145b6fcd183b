use super::CASES;
use crate::conform::arm::sim::SimStage;
use crate::conform::run::{Stage, model};
use crate::conform::suite::Means;
use crate::conform::{Facts, mutants};

#[test]
#[ignore]
fn look() {
    let mut text = String::new();
    for case in CASES {
        let Means::Judge { experiments, judge } = case.means else {
            continue;
        };
        for name in experiments {
            let evidence = SimStage.observe(&model(name, "").unwrap()).unwrap();
            let judged = judge(&Facts::new(&evidence));
            let idle: Vec<_> = evidence.rules.iter().filter(|r| r.applied == 0).collect();
            text += &format!(
                "{} {name}: {} {} {idle:?}\n",
                case.id, judged.stimuli, judged.detail
            );
            for fault in judged.faults.iter().take(2) {
                text += &format!("    {} {:?}\n", fault.what, fault.frames);
            }
        }
        for outcome in mutants::run(
            &mut SimStage,
            &[case],
            |_| crate::conform::Judged::default(),
            &mut |_| {},
        )
        .unwrap()
        {
            text += &format!(
                "  mutant {}: {} {}\n",
                outcome.mutant, outcome.verdict, outcome.fault
            );
        }
    }
    std::fs::write("/tmp/helper-r/look.txt", text).unwrap();
}
