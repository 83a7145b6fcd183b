//! Frames whose headers are not what they say: what is wrong with them, and whom it concerns.

use super::report::CaptureSummary;
use super::tally::Tally;
use std::collections::BTreeMap;
use xoff_checks::catalogue::Check;
use xoff_checks::finding::{Finding, Severity};
use xoff_checks::pause::P_01;
use xoff_checks::wire::W_22;
use xoff_wire::{WireError, roce};

/// Faults that are told apart.
const KINDS: usize = 64;

/// What is wrong, apart from the figures: interface, layer, field.
type Kind = (u32, &'static str, &'static str);

/// Malformed frames of protocols that are judged here.
#[derive(Clone, Debug, Default)]
pub(super) struct Malformed {
    kinds: BTreeMap<Kind, (WireError, Tally)>,
    /// Of RoCE.
    pub(super) roce: u64,
}

/// The check that a broken header of a layer goes against.
fn check(layer: &str) -> Option<(&'static Check, &'static str)> {
    match layer {
        _ if roce::is_layer(layer) => Some((&W_22, "RoCE packet")),
        "MAC control" | "PAUSE" | "PFC" => Some((&P_01, "pause frame")),
        _ => None,
    }
}

impl Malformed {
    pub(super) fn add(&mut self, interface: u32, frame: u64, error: &WireError) {
        self.roce += u64::from(roce::is_layer(error.layer));
        let kind = (interface, error.layer, error.field);
        if check(error.layer).is_none()
            || self.kinds.len() >= KINDS && !self.kinds.contains_key(&kind)
        {
            return;
        }
        let (_, tally) = self
            .kinds
            .entry(kind)
            .or_insert_with(|| (*error, Tally::default()));
        tally.add(frame);
    }

    pub(super) fn findings(&self, capture: &CaptureSummary) -> Vec<Finding> {
        let told = self
            .kinds
            .iter()
            .filter_map(|((interface, layer, _), (error, tally))| {
                let (check, what) = check(layer)?;
                let subject = format!(
                    "{what}s on interface {}",
                    capture.interface_name(*interface)
                );
                let first = if tally.count > 1 { "the first: " } else { "" };
                Some(Finding {
                    cause: format!(
                        "malformed, receivers drop what cannot be parsed: {first}{error}"
                    ),
                    cure: check.cure.to_owned(),
                    ..tally.finding(check, Severity::Error, subject)
                })
            });
        told.collect()
    }
}
