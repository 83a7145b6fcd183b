//! What a run of the lab hears.

use super::LabError;
use super::protocol::FromGuest;
use std::sync::mpsc::Sender;
use xoff_trace::signals::Interrupts;

/// What guests tell, each with its number.
pub(super) enum Event {
    Says(usize, FromGuest),
    /// The guest has closed its line: it has ended.
    Gone(usize),
    /// The wire has ended: unless it was stopped, it could not go on.
    WireOver,
    Interrupted,
}

/// Turns the signals that end a program into events, until what it gives is dropped.
///
/// # Errors
/// As [`Interrupts::listen`].
pub(super) fn listen(to: &Sender<Event>) -> Result<Interrupts, LabError> {
    let to = to.clone();
    // Without a receiver its run is over.
    let tell = move || drop(to.send(Event::Interrupted));
    Ok(Interrupts::listen(tell)?)
}
