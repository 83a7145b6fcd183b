//! A window on a stream: grows only as far as data really arrive, whatever a length field says.

use std::io::{ErrorKind, Read};

/// Fits a second-level cache: what was read is parsed while it is warm.
const CAPACITY: usize = 256 << 10;

pub(super) struct Window {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes before `start`.
    passed: u64,
    over: bool,
    /// Why the source ended, if not by its end.
    failure: Option<String>,
}

impl Window {
    pub(super) fn new(source: Box<dyn Read + Send>) -> Window {
        Window {
            source,
            buffer: vec![0; CAPACITY],
            start: 0,
            end: 0,
            passed: 0,
            over: false,
            failure: None,
        }
    }

    /// Offset of the first byte of [`Window::data`] in the stream.
    pub(super) fn offset(&self) -> u64 {
        self.passed
    }

    pub(super) fn data(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Reads until `wanted` bytes are there or the source ends; says whether they are.
    #[inline]
    pub(super) fn fill(&mut self, wanted: usize) -> bool {
        self.end - self.start >= wanted || self.read(wanted)
    }

    #[cold]
    fn read(&mut self, wanted: usize) -> bool {
        while self.end - self.start < wanted && !self.over {
            self.make_room();
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.over = true,
                Ok(n) => self.end += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    self.over = true;
                    self.failure = Some(e.to_string());
                }
            }
        }
        self.end - self.start >= wanted
    }

    fn make_room(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
    }

    /// Passes over the first `count` bytes of [`Window::data`].
    #[inline]
    pub(super) fn pass(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.passed += count as u64;
    }

    /// The `len` bytes that end `back` bytes before the first byte of [`Window::data`].
    #[inline]
    pub(super) fn behind(&self, back: usize, len: usize) -> &[u8] {
        let from = self.start.saturating_sub(back);
        self.buffer.get(from..from + len).unwrap_or_default()
    }
}
