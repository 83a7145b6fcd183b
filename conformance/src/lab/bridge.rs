//! The wire between real interfaces, without guests.

use super::LabError;
use super::guest::Event;
use super::report::WireReport;
use super::run::{Interrupts, Running};
use super::wire::switch::Switch;
use super::wire::{Device, Wire};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use xoff_sim::model::Model;

/// How often a wire is looked after that may have broken.
const LOOK: Duration = Duration::from_millis(100);

/// Connects devices through the rules of a scenario until somebody interrupts, or for `time`.
/// `ready` is told when frames pass.
///
/// # Errors
/// An interface cannot be opened or has gone, the capture cannot be written, or `switch` was asked
/// for and the devices are not on one.
pub fn run(
    model: &Model,
    devices: &[Device],
    switch: bool,
    capture: Option<&Path>,
    time: Option<Duration>,
    ready: &mut dyn FnMut(),
) -> Result<WireReport, LabError> {
    let (sender, events) = channel();
    let signals = Interrupts::listen(&sender)?;
    let hosts: Vec<(u32, String)> = devices.iter().map(|d| (d.node, d.name.clone())).collect();
    let switch = match switch {
        true => Some(Switch::new(model, &hosts)?),
        false => None,
    };
    let wire = Wire::between(devices, &model.rules, model.seed, capture)?;
    let wire = Running::start(wire.with_switch(switch))?;
    ready();
    let begun = Instant::now();
    while !wire.is_over() {
        let left = time.map_or(LOOK, |time| time.saturating_sub(begun.elapsed()).min(LOOK));
        match events.recv_timeout(left) {
            Ok(Event::Interrupted) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if time.is_some_and(|t| begun.elapsed() >= t) => break,
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
        }
    }
    let report = wire.stop();
    drop(signals);
    report
}
