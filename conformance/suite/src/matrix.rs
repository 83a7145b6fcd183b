//! Who makes which check.

use crate::{Arm, judges};
use xoff_checks::catalogue::{Check, checks};
use xoff_checks::diagnosis;

/// A check, and where it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub check: &'static Check,
    /// By the diagnosis of a simulated run.
    pub run: bool,
    /// Of a capture, whatever it holds.
    pub trace: bool,
    /// Of configurations.
    pub configs: bool,
    /// By the suite, on these arms.
    pub suite: Vec<Arm>,
}

impl Row {
    fn of(check: &'static Check) -> Row {
        let case = judges::cases().find(|case| case.check == check);
        let made_on = |arm: &Arm| {
            let not = |case: &judges::Case| case.not_on.iter().any(|(not, _)| not == arm);
            case.is_some_and(|case| !not(case))
        };
        let arms = [Arm::Sim, Arm::Trace, Arm::Lab, Arm::Device];
        Row {
            check,
            run: diagnosis::MADE.contains(&check),
            trace: xoff_trace::MADE.contains(&check),
            configs: xoff_configs::rules::MADE.contains(&check),
            suite: arms.into_iter().filter(made_on).collect(),
        }
    }

    /// Somebody makes it.
    pub fn is_made(&self) -> bool {
        self.run || self.trace || self.configs || !self.suite.is_empty()
    }
}

/// Every check of the catalogue, in its order.
pub fn rows() -> Vec<Row> {
    checks().map(Row::of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use xoff_checks::pause::P_21;
    use xoff_checks::rc::{RC_05, RC_36};

    #[test]
    fn every_page_is_made_by_somebody() {
        let unmade: Vec<Row> = rows().into_iter().filter(|row| !row.is_made()).collect();
        assert_eq!(unmade, []);
    }

    #[test]
    fn makers_are_told_apart() {
        let row = |check| Row::of(check);
        let lost = row(&RC_05);
        assert!(lost.run && lost.trace && lost.suite.contains(&Arm::Sim));
        let script = row(&RC_36);
        assert_eq!(script.suite, [Arm::Lab, Arm::Device]);
        assert!(!script.run && !script.trace);
        assert!(row(&P_21).run && row(&P_21).suite.is_empty());
    }
}
