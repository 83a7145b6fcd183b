//! Signals that end a program.
//!
//! Who runs other processes is told of them, so that it can take everything down. While nobody
//! listens they end the program as if nobody had asked for them, but for what is on disk.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

/// Who is told.
struct Listeners {
    /// Each with its number.
    listening: Vec<(u64, Box<dyn Fn() + Send>)>,
    next: u64,
    /// A signal has come: nothing may begin any more.
    caught: bool,
    /// What is done before a signal ends the program.
    cleaners: Vec<fn()>,
}

static LISTENERS: Mutex<Listeners> = Mutex::new(Listeners {
    listening: Vec::new(),
    next: 0,
    caught: false,
    cleaners: Vec::new(),
});

fn listeners() -> MutexGuard<'static, Listeners> {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Listeners {
    /// False: nobody listens.
    fn tell(&mut self) -> bool {
        self.caught = true;
        for (_, tell) in &self.listening {
            tell();
        }
        !self.listening.is_empty()
    }
}

/// Why nobody can listen.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Signals cannot be caught, and why.
    #[error("cannot catch signals: {0}")]
    Unable(String),
    #[error("interrupted")]
    Interrupted,
}

/// Somebody who is told of signals, until this is dropped.
pub struct Interrupts(u64);

impl Interrupts {
    /// `tell` is called for each signal, by another thread.
    ///
    /// # Errors
    /// Signals cannot be caught, or one has been.
    pub fn listen(tell: impl Fn() + Send + 'static) -> Result<Interrupts, Refused> {
        catch().map_err(|why| Refused::Unable(why.to_owned()))?;
        let mut listeners = listeners();
        if listeners.caught {
            return Err(Refused::Interrupted);
        }
        let number = listeners.next;
        listeners.next += 1;
        listeners.listening.push((number, Box::new(tell)));
        Ok(Interrupts(number))
    }

    /// Ends listening.
    ///
    /// # Errors
    /// A signal came that nobody may have heard.
    pub fn end(self) -> Result<(), Refused> {
        drop(self);
        match listeners().caught {
            true => Err(Refused::Interrupted),
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

/// Before a signal ends the program, `clean` is called. If signals cannot be caught it is not.
pub fn before_end(clean: fn()) {
    let _ = catch();
    let mut listeners = listeners();
    if !listeners.cleaners.contains(&clean) {
        listeners.cleaners.push(clean);
    }
}

/// Begins to catch signals, once: the default action does not come back after that.
fn catch() -> Result<(), &'static str> {
    static CAUGHT: OnceLock<Result<(), String>> = OnceLock::new();
    let catching = CAUGHT.get_or_init(|| attend().map_err(|e| e.to_string()));
    catching.as_ref().copied().map_err(String::as_str)
}

fn attend() -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let attend = move || {
        for signal in signals.forever() {
            let mut listeners = listeners();
            if !listeners.tell() {
                for clean in &listeners.cleaners {
                    clean();
                }
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
            listening: vec![(0, Box::new(move || to.send(1).unwrap()))],
            next: 1,
            caught: false,
            cleaners: Vec::new(),
        };
        assert!(listeners.tell() && listeners.caught);
        assert_eq!(events.try_recv(), Ok(1));
        listeners.listening.clear();
        assert!(!listeners.tell());
    }
}
