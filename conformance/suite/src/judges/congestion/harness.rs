//! xoff itself.

use crate::arm::sim;
use crate::experiment::model;
use crate::judges::{Case, Judged, Means, Wrong, cases};
use crate::profile::Profile;
use crate::{Evidence, Facts};
use xoff_checks::catalogue::Check;
use xoff_checks::deviations::{self, Deviation};
use xoff_checks::harness::{H_02, H_03};

/// What repeats: an experiment with loss, whose random choices show.
const REPEATED: [&str; 2] = ["clean", "lost-data"];

/// H-01.
pub(super) fn deterministic() -> Judged {
    repeated("")
}

/// The second run has another scenario.
pub(super) fn not_deterministic() -> Judged {
    repeated("seed = 2\n")
}

fn repeated(before: &str) -> Judged {
    let mut judged = Judged::default();
    for name in REPEATED {
        let (first, second) = (run(name, ""), run(name, before));
        match (first, second) {
            (Ok(first), Ok(second)) => {
                let same = first.frames == second.frames && first.counters == second.counters;
                let differs = first.frames.iter().zip(&second.frames);
                let at = differs.take_while(|(a, b)| a == b).count() as u64 + 1;
                judged.expect(same, &[at], || {
                    format!("{name}: a second run differs from frame {at} on")
                });
            }
            (Err(why), _) | (_, Err(why)) => judged.fault(format!("{name}: {why}"), &[]),
        }
    }
    judged
}

fn run(name: &str, before: &str) -> Result<Evidence, String> {
    let mut model = model(name, "")?;
    if !before.is_empty() {
        model.seed = model.seed.wrapping_add(1);
    }
    sim::observe(&model).ok_or_else(|| "its frames have no bytes".to_owned())
}

/// H-02.
pub(super) fn mutants() -> Judged {
    with_mutants(cases())
}

pub(super) fn no_mutants() -> Judged {
    with_mutants(std::iter::once(&BARE))
}

/// A check without mutants.
const BARE: Case = Case {
    check: &H_02,
    means: Means::Harness(mutants),
    not_on: &[],
    mutants: &[],
};

fn with_mutants<'c>(cases: impl Iterator<Item = &'c Case>) -> Judged {
    let mut judged = Judged::default();
    for case in cases {
        let fits = |wrong: &Wrong| match case.means {
            Means::Judge { .. } => matches!(wrong, Wrong::Rules(_) | Wrong::Evidence(_)),
            Means::Script(_) => matches!(wrong, Wrong::Verbs(_) | Wrong::Rules(_)),
            Means::Smb { .. } => matches!(wrong, Wrong::Smb(_)),
            Means::Harness(_) => matches!(wrong, Wrong::Harness(_)),
            Means::Printer => matches!(wrong, Wrong::Printer(_)),
        };
        let caught = case.mutants.iter().all(|mutant| fits(&mutant.wrong));
        judged.expect(!case.mutants.is_empty() && caught, &[], || {
            format!("{}: no mutant could make it fail", case.check.id)
        });
    }
    judged
}

/// H-03.
pub(super) fn not_vacuous() -> Judged {
    without_stimulus(cases())
}

pub(super) fn vacuous() -> Judged {
    const PASSES: Case = Case {
        check: &H_03,
        means: Means::Judge {
            experiments: &["clean"],
            judge: |_| Judged {
                stimuli: 1,
                ..Judged::default()
            },
        },
        not_on: &[],
        mutants: &[],
    };
    without_stimulus(std::iter::once(&PASSES))
}

fn without_stimulus<'c>(cases: impl Iterator<Item = &'c Case>) -> Judged {
    let mut judged = Judged::default();
    let nothing = Evidence::default();
    let facts = Facts::new(&nothing);
    for case in cases {
        let Means::Judge { judge, .. } = case.means else {
            continue;
        };
        let said = judge(&facts);
        judged.expect(said.stimuli == 0 && said.faults.is_empty(), &[], || {
            format!("{}: has a verdict on nothing at all", case.check.id)
        });
    }
    judged
}

/// H-04.
pub(super) fn cited() -> Judged {
    register(&deviations::all())
}

pub(super) fn not_cited() -> Judged {
    spoilt(|deviation| deviation.citation = "")
}

pub(super) fn not_told_apart() -> Judged {
    spoilt(|deviation| deviation.symptoms = &[])
}

/// The first deviation that a check shows, with something wrong.
fn spoilt(how: fn(&mut Deviation)) -> Judged {
    let mut shown = deviations::all()
        .into_iter()
        .filter(|(check, _)| check.is_some());
    let Some((check, deviation)) = shown.next() else {
        return Judged::default();
    };
    let mut deviation = *deviation;
    how(&mut deviation);
    register(&[(check, &deviation)])
}

fn register(entries: &[(Option<&Check>, &Deviation)]) -> Judged {
    let mut judged = Judged::default();
    for (at, (check, entry)) in entries.iter().enumerate() {
        let known = entry
            .profiles
            .iter()
            .all(|name| Profile::find(name).is_some());
        let cited = !entry.citation.is_empty() && !entry.what.is_empty();
        judged.expect(known && cited, &[], || {
            format!("{}: without citation, or for what does not exist", entry.id)
        });
        let Some(check) = check else { continue };
        let mut symptoms = entry.symptoms.iter();
        let own = symptoms.all(|symptom| check.symptoms.contains(symptom));
        let told_apart = !entry.symptoms.is_empty() && own;
        judged.expect(told_apart, &[], || {
            format!("{}: names no way in which {check} fails", entry.id)
        });
        // Where two excuse one check under one profile, it is not clear which.
        for (_, other) in entries[..at].iter().filter(|(of, _)| *of == Some(*check)) {
            if entry.profiles.iter().any(|p| other.profiles.contains(p)) {
                let what = format!("{} and {} both excuse {check}", other.id, entry.id);
                judged.fault(what, &[]);
            }
        }
    }
    judged
}
