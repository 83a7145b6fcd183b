//! A capture that is still being made: read from a pipe until it ends, or until a signal says that
//! it is enough.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// After a signal, what comes within this time of what came before is still read: the program at
/// the other end got the signal as well, and writes what it holds.
const PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 300_000_000,
};
/// And no more after this time.
const REST: Duration = Duration::from_secs(3);

/// A stream that ends at the first signal. The second one ends the program.
pub struct Live<R> {
    source: R,
    signal: UnixStream,
    interrupted: Arc<AtomicBool>,
    /// When the signal was noticed.
    since: Option<Instant>,
}

impl<R: Read + AsFd> Live<R> {
    /// # Errors
    /// Signals cannot be caught.
    pub fn new(source: R) -> io::Result<Live<R>> {
        let (signal, wake) = UnixStream::pair()?;
        let interrupted = Arc::new(AtomicBool::new(false));
        for number in [SIGINT, SIGTERM] {
            // In this order: the default action is taken where the flag was there before.
            flag::register_conditional_default(number, Arc::clone(&interrupted))?;
            flag::register(number, Arc::clone(&interrupted))?;
            pipe::register(number, wake.try_clone()?)?;
        }
        Ok(Live {
            source,
            signal,
            interrupted,
            since: None,
        })
    }

    /// Becomes true with the first signal.
    pub fn interrupted(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupted)
    }

    /// Whether there is something to read, or an end; false: it is enough.
    fn wait(&mut self) -> io::Result<bool> {
        if self.since.is_none() {
            let mut both = [
                PollFd::new(&self.source, PollFlags::IN),
                PollFd::new(&self.signal, PollFlags::IN),
            ];
            retry(|| poll(&mut both, None))?;
            if !self.interrupted.load(Ordering::Relaxed) {
                return Ok(true);
            }
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        let mut source = [PollFd::new(&self.source, PollFlags::IN)];
        let ready = retry(|| poll(&mut source, Some(&PAUSE)))?;
        Ok(ready > 0 && since.elapsed() < REST)
    }
}

fn retry(mut call: impl FnMut() -> rustix::io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            other => return other.map_err(|e| io::Error::from_raw_os_error(e.raw_os_error())),
        }
    }
}

impl<R: Read + AsFd> Read for Live<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.wait()? {
            true => self.source.read(buffer),
            false => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_signal_ends_the_stream_after_what_was_under_way() {
        let (source, mut other) = UnixStream::pair().unwrap();
        let mut live = Live::new(source).unwrap();
        let mut buffer = [0; 16];
        other.write_all(b"first").unwrap();
        assert_eq!(live.read(&mut buffer).unwrap(), 5);
        assert!(!live.interrupted().load(Ordering::Relaxed));
        // As the handler does, but without a signal to the other tests of this process.
        live.interrupted.store(true, Ordering::Relaxed);
        other.write_all(b"rest").unwrap();
        assert_eq!(live.read(&mut buffer).unwrap(), 4);
        assert_eq!(
            live.read(&mut buffer).unwrap(),
            0,
            "nothing came for a while"
        );
    }

    #[test]
    fn an_end_is_an_end() {
        let (source, other) = UnixStream::pair().unwrap();
        let mut live = Live::new(source).unwrap();
        drop(other);
        assert_eq!(live.read(&mut [0; 4]).unwrap(), 0);
    }
}
