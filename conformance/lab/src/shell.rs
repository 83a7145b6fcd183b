//! A shell in one guest, while the others stand by.

use super::LabError;
use super::event::Event;
use super::guest::Guest;
use super::protocol::{self, FromGuest, ToGuest};
use super::report::LabReport;
use super::run::{Lab, Options, wire_over, with_guests};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use xoff_model::Model;

/// Where what the shell says goes; true: its standard error.
pub type Said<'a> = &'a mut dyn FnMut(bool, &str) -> io::Result<()>;

/// Runs a shell in the host of this number among those of `model`. It is interactive, with a
/// terminal of its own, if standard input is a terminal, and otherwise reads commands from that.
/// Gives its exit status.
///
/// # Errors
/// As those of [`super::run::run`]; what the shell said cannot be written.
pub fn run(
    model: &Model,
    host: usize,
    options: &Options<'_>,
    said: Said<'_>,
) -> Result<(i32, LabReport), LabError> {
    let talk = |lab: &mut Lab| talk(lab, host, said);
    let done = with_guests(model, &[], options, false, talk)?;
    Ok((done.value, done.report))
}

fn talk(lab: &mut Lab, host: usize, said: Said<'_>) -> Result<i32, LabError> {
    let stdin = io::stdin();
    let size = isatty(&stdin).then(|| tcgetwinsize(&stdin));
    let command = match size {
        Some(size) => {
            let size = size.ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
            let size = size.map_or((24, 80), |size| (size.ws_row, size.ws_col));
            interactive(size, &std::env::var("TERM").unwrap_or_default())
        }
        None => "exec /bin/sh".to_owned(),
    };
    let Some(guest) = lab.guests.get_mut(host) else {
        return Err(LabError::Message(format!("there is no host {host}")));
    };
    guest.tell(&ToGuest::Start { command })?;
    let keys = Keys::read(guest)?;
    let raw = size.and_then(|_| Raw::set());
    let status = hear(lab, host, said);
    drop(raw);
    keys.stop();
    status
}

/// Passes on what the shell says until it ends.
fn hear(lab: &mut Lab, host: usize, said: Said<'_>) -> Result<i32, LabError> {
    loop {
        let events = Arc::clone(&lab.events);
        let events = events.lock().unwrap_or_else(PoisonError::into_inner);
        let event = match events.recv_timeout(lab.left()) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(lab.blame(host, "its shell did not end in time".to_owned()));
            }
        };
        match event {
            Event::Interrupted => return Err(LabError::Interrupted),
            Event::WireOver => return Err(wire_over()),
            Event::Gone(index) => {
                let message = "ended while the shell was in use".to_owned();
                return Err(lab.blame(index, message));
            }
            Event::Says(index, FromGuest::Output { error, text }) if index == host => {
                let failed = |e| LabError::Message(format!("cannot say what the shell says: {e}"));
                said(error, &text).map_err(failed)?;
            }
            Event::Says(index, FromGuest::Ended { status, .. }) if index == host => {
                return Ok(status);
            }
            Event::Says(index, FromGuest::Failed { message }) => {
                return Err(lab.blame(index, message));
            }
            Event::Says(..) => {}
        }
    }
}

/// A shell in a terminal of the guest, of this many rows and columns.
fn interactive((rows, columns): (u16, u16), term: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-+._".contains(c);
    let term = match !term.is_empty() && term.chars().all(plain) {
        true => term,
        false => "dumb",
    };
    let shell = "export PS1=\"$XOFF_NAME# \"; command -v bash >/dev/null && exec bash --norc -i; \
                 exec sh -i";
    let size = format!("stty rows {rows} cols {columns} 2>/dev/null");
    // Standard input is a pipe, and `script` the terminal behind it.
    format!(
        "export TERM={term} SHELL=/bin/sh; command -v script >/dev/null && \
         exec script -qec '{size}; {shell}' /dev/null; {shell} 2>&1"
    )
}

/// What is typed, on its way to the guest.
struct Keys {
    /// Whether it is still wanted.
    wanted: Arc<Mutex<bool>>,
}

impl Keys {
    fn read(guest: &Guest) -> Result<Keys, LabError> {
        let failed = |e: io::Error| guest.failed(format!("cannot be told anything: {e}"));
        let line = guest.line().map_err(failed)?;
        let wanted = Arc::new(Mutex::new(true));
        let keys = Keys {
            wanted: Arc::clone(&wanted),
        };
        // It ends with the process: nothing wakes who waits for keys.
        thread::spawn(move || relay(io::stdin().lock(), line, &wanted));
        Ok(keys)
    }

    /// Nothing is sent after this.
    fn stop(self) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        *wanted = false;
    }
}

/// Sends input until its end, or until nobody wants it.
fn relay(mut from: impl Read, mut to: UnixStream, wanted: &Mutex<bool>) {
    let mut tell = |message: &ToGuest| {
        let wanted = wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let line = protocol::line(message);
        *wanted && line.is_ok_and(|line| to.write_all(&line).is_ok())
    };
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let len = match from.read(&mut buffer) {
            Ok(len) => len,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => 0,
        };
        bytes.extend_from_slice(buffer.get(..len).unwrap_or_default());
        let text = protocol::take_text(&mut bytes, len == 0);
        if !text.is_empty() && !tell(&ToGuest::Input { text }) {
            return;
        }
        if len == 0 {
            tell(&ToGuest::EndInput);
            return;
        }
    }
}

/// A terminal that passes every key on, until this is dropped.
struct Raw(Termios);

impl Raw {
    fn set() -> Option<Raw> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Raw(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn input_is_passed_on_to_its_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        relay(&b"ls\nexit\n"[..], ours, &Mutex::new(true));
        let mut from = BufReader::new(theirs);
        let text = "ls\nexit\n".to_owned();
        let next = |from: &mut BufReader<UnixStream>| protocol::read(from).unwrap();
        assert_eq!(next(&mut from), Some(ToGuest::Input { text }));
        assert_eq!(next(&mut from), Some(ToGuest::EndInput));
        let (ours, theirs) = UnixStream::pair().unwrap();
        relay(&b"ls\n"[..], ours, &Mutex::new(false));
        assert_eq!(next(&mut BufReader::new(theirs)), None);
    }

    #[test]
    fn a_strange_terminal_is_not_put_into_a_command() {
        assert!(interactive((1, 2), "x'; rm").contains("TERM=dumb "));
        assert!(interactive((30, 90), "xterm-256color").contains("stty rows 30 cols 90"));
    }
}
