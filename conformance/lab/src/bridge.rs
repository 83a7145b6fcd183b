//! The wire between real interfaces, without guests.

use super::LabError;
use super::event::listen;
use super::report::WireReport;
use super::run::Running;
use super::wire::switch::Switch;
use super::wire::{Device, Wire};
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;
use xoff_model::Model;

/// Longer than anybody waits.
const ALWAYS: Duration = Duration::from_secs(1 << 32);

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
    let signals = listen(&sender)?;
    let hosts: Vec<(u32, String)> = devices.iter().map(|d| (d.node, d.name.clone())).collect();
    let switch = match switch {
        true => Some(Switch::new(model, &hosts)?),
        false => None,
    };
    let wire = Wire::between(devices, &model.rules, model.seed, capture)?;
    let wire = Running::start(wire.with_switch(switch), &sender)?;
    ready();
    // Somebody interrupts, the wire cannot go on, or the time is over.
    let _ = events.recv_timeout(time.unwrap_or(ALWAYS));
    let report = wire.stop();
    drop(signals);
    report
}
