//! Flows of a simulation: F.

use crate::page::pages;

pages! {
    F_01 {
        id: "F-01",
        name: "flow-time",
        title: "Flows take no longer than their paths allow",
        why: "A flow that waits shows contention, pause or a limit of its own; the longest of many \
              decides how long a job takes.",
        cure: "See who shares the links on its path; spread the load over more, or lower it.",
        source: "this project",
    }
    F_02 {
        id: "F-02",
        name: "expectation",
        title: "What a scenario expects holds",
        why: "Its author wrote down what must be so; a run that differs shows a change of the \
              network or a mistake in the scenario.",
        cure: "Look at the figure that differs and at the diagnosis of that case.",
        source: "this project",
    }
}
