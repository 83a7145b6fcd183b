//! Signals that end a program.
//!
//! A run of the lab is told of them, so that it can take everything down. While there is none they
//! end the program as if nobody had asked for them, but for what is on disk.

use super::LabError;
use super::guest::Event;
use super::rundir;
use crate::output;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

/// Who is told.
struct Listeners {
    /// Each with its number.
    listening: Vec<(u64, Sender<Event>)>,
    next: u64,
    /// A signal has come: nothing may begin any more.
    caught: bool,
}

static LISTENERS: Mutex<Listeners> = Mutex::new(Listeners {
    listening: Vec::new(),
    next: 0,
    caught: false,
});

fn listeners() -> MutexGuard<'static, Listeners> {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Listeners {
    /// False: nobody listens.
    fn tell(&mut self) -> bool {
        self.caught = true;
        for (_, to) in &self.listening {
            // Its run is over otherwise.
            let _ = to.send(Event::Interrupted);
        }
        !self.listening.is_empty()
    }
}

/// Turns the signals that end a program into events, until this is dropped.
pub(super) struct Interrupts(u64);

impl Interrupts {
    /// # Errors
    /// Signals cannot be caught, or one has been: [`LabError::Interrupted`].
    pub(super) fn listen(to: &Sender<Event>) -> Result<Interrupts, LabError> {
        if let Err(e) = catch_signals() {
            return Err(LabError::Message(format!("cannot catch signals: {e}")));
        }
        let mut listeners = listeners();
        if listeners.caught {
            return Err(LabError::Interrupted);
        }
        let number = listeners.next;
        listeners.next += 1;
        listeners.listening.push((number, to.clone()));
        Ok(Interrupts(number))
    }

    /// Ends listening. An error if a signal came that nobody may have heard.
    pub(super) fn end(self) -> Result<(), LabError> {
        drop(self);
        match listeners().caught {
            true => Err(LabError::Interrupted),
            false => Ok(()),
        }
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        let mut listeners = listeners();
        listeners.listening.retain(|(number, _)| *number != self.0);
    }
}

/// Begins to catch signals, once: the default action does not come back after that.
pub(crate) fn catch_signals() -> Result<(), &'static str> {
    static CAUGHT: OnceLock<Result<(), String>> = OnceLock::new();
    let catching = CAUGHT.get_or_init(|| catch().map_err(|e| e.to_string()));
    catching.as_ref().copied().map_err(String::as_str)
}

fn catch() -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let attend = move || {
        for signal in signals.forever() {
            if !listeners().tell() {
                rundir::remove_all();
                output::remove_unfinished();
                let _ = emulate_default_handler(signal);
            }
        }
    };
    thread::Builder::new().spawn(attend).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn who_listens_is_told() {
        let (to, events) = channel();
        let mut listeners = Listeners {
            listening: vec![(0, to)],
            next: 1,
            caught: false,
        };
        assert!(listeners.tell() && listeners.caught);
        assert!(matches!(events.try_recv(), Ok(Event::Interrupted)));
        listeners.listening.clear();
        assert!(!listeners.tell());
    }
}
