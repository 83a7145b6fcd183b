//! How often something was seen, and where first.

use xoff_checks::finding::FRAMES_KEPT;

/// What is counted per way of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    BadIcrc,
    Reserved,
    SourcePort,
    SourcePortChanged,
    PadCount,
    Sequence,
    PayloadLength,
    CnpFormat,
    Syndrome,
    Msn,
    Length,
    Fragment,
    NoAckRequest,
    Version,
    NakBeyond,
    AckBeyond,
    CeWithoutEct,
    Cnp,
    Nak,
    RnrNak,
    ErrorNak(u8),
    ReadRestart,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    pub(super) kind: Kind,
    pub(super) count: u64,
    frames: [u64; FRAMES_KEPT],
    /// Two figures of the first.
    pub(super) example: [u64; 2],
}

impl Tally {
    pub(super) fn frames(&self) -> Vec<u64> {
        let kept = self.count.min(FRAMES_KEPT as u64) as usize;
        self.frames[..kept].to_vec()
    }
}

/// Few kinds ever occur on one connection: a list is enough.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallies(Vec<Tally>);

impl Tallies {
    #[cold]
    pub(super) fn add(&mut self, kind: Kind, frame: u64, example: [u64; 2]) {
        let at = self.0.iter().position(|t| t.kind == kind);
        let at = at.unwrap_or_else(|| {
            self.0.push(Tally {
                kind,
                count: 0,
                frames: [0; FRAMES_KEPT],
                example,
            });
            self.0.len() - 1
        });
        let tally = &mut self.0[at];
        if let Some(slot) = tally.frames.get_mut(tally.count as usize) {
            *slot = frame;
        }
        tally.count += 1;
    }

    pub(super) fn get(&self, kind: Kind) -> Option<&Tally> {
        self.0.iter().find(|t| t.kind == kind)
    }
}
