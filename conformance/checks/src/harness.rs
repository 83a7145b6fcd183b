//! xoff itself, whether its verdicts can be believed: H.

use crate::page::pages;

pages! {
    H_01 {
        id: "H-01",
        name: "deterministic",
        title: "The same scenario and seed give the same bytes",
        why: "A verdict that cannot be repeated cannot be argued about.",
        cure: "Report it, with the scenario: it is a defect of xoff.",
        source: "this project",
    }
    H_02 {
        id: "H-02",
        name: "mutants",
        title: "Every check has a wrong stack that it must catch",
        why: "A check that nothing can fail says nothing when it passes.",
        cure: "Run `xoff conform --mutants` and report what is not caught.",
        source: "this project",
    }
    H_03 {
        id: "H-03",
        name: "not-vacuous",
        title: "No check passes without something to judge",
        why: "A test bed where nothing happened would look healthy.",
        cure: "Read the reason of an INCONCLUSIVE verdict: the stimulus did not arrive.",
        source: "this project",
    }
    H_04 {
        id: "H-04",
        name: "cited-deviations",
        title: "Every known deviation has its citation",
        why: "An excuse that nobody can look up hides faults.",
        cure: "Look up the citation; if the stack was repaired, the check reports XPASS.",
        source: "this project",
    }
    H_05 {
        id: "H-05",
        name: "reports",
        title: "Reports are what their formats demand, and say the same",
        why: "Machines read them: a wrong one turns a failure into a pass.",
        cure: "Report it: it is a defect of xoff.",
        source: "this project",
    }
}
