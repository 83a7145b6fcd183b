//! Finds the FPDUs of a stream, also where its markers do not stand or point as they should.
//!
//! A marker that points elsewhere leaves two possibilities: it is wrong, or it is none, and what
//! was taken for payload is the marker. So the octets since the last certain FPDU are taken apart by
//! every rule that senders are known to follow, until the markers of one, and only one, have proved
//! it. If none does, following ends: nothing behind that place is counted.

use xoff_wire::mpa::{Crc, Deframer, Fpdu, MarkerRule, Pointer};

/// Most octets that are kept while no rule is proved.
const DOUBT_MAX: usize = 256 << 10;
/// Right markers behind the first FPDU that prove the rule of the RFC.
const PROOF: u32 = 2;
/// Right markers that decide between rules that say the same of all of them.
const ALIKE: u32 = 4;

/// A rule that may be that of the sender.
#[derive(Clone, Debug)]
struct Candidate {
    deframer: Deframer,
    fpdus: Vec<Fpdu>,
    /// Right markers of whole FPDUs.
    good: u32,
    proved: bool,
    dead: bool,
}

#[derive(Debug)]
pub(super) struct Framing {
    deframer: Deframer,
    /// At the start of this FPDU, and its octets so far: while the rule is not proved.
    kept: Option<(Deframer, Vec<u8>)>,
    doubt: Vec<Candidate>,
    doubted: usize,
    /// Right markers behind the first CRC.
    good: u32,
    fpdus: u64,
}

/// The framing is lost for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stopped;

impl Candidate {
    /// Takes octets; `sound`: whether the header of an FPDU can be.
    fn push(&mut self, mut octets: &[u8], sound: fn(&Fpdu) -> bool) {
        while !octets.is_empty() && !self.dead {
            let (used, fpdu) = self.deframer.push(octets);
            octets = &octets[used..];
            if let Some(fpdu) = fpdu {
                let by_crc = fpdu.crc == Crc::Good;
                let wrong = fpdu.bad_markers > 0 && !by_crc;
                self.dead |= wrong || matches!(fpdu.crc, Crc::Bad { .. }) || !sound(&fpdu);
                self.proved |= by_crc && fpdu.good_markers + fpdu.bad_markers > 0;
                self.good += fpdu.good_markers;
                self.fpdus.push(fpdu);
            }
        }
        let uses_crc = self.deframer.uses_crc();
        self.dead |= self.deframer.markers()[0] > 0 && !uses_crc;
    }

    fn right(&self) -> u32 {
        self.good + self.deframer.markers()[1]
    }
}

impl Framing {
    pub(super) fn new(deframer: Deframer) -> Framing {
        let kept = deframer.marked().then(|| (deframer.clone(), Vec::new()));
        Framing {
            deframer,
            kept,
            doubt: Vec::new(),
            doubted: 0,
            good: 0,
            fpdus: 0,
        }
    }

    pub(super) fn deframer(&mut self) -> &mut Deframer {
        &mut self.deframer
    }

    /// No rule is proved since some FPDU.
    pub(super) fn in_doubt(&self) -> bool {
        !self.doubt.is_empty()
    }

    /// Takes octets up to the end of an FPDU or of the octets; what is certain goes to `found`.
    /// Returns how many were taken.
    pub(super) fn push(
        &mut self,
        octets: &[u8],
        sound: fn(&Fpdu) -> bool,
        found: &mut Vec<Fpdu>,
    ) -> Result<usize, Stopped> {
        if self.in_doubt() {
            self.doubtful(octets, sound, found)?;
            return Ok(octets.len());
        }
        let (used, fpdu) = self.deframer.push(octets);
        let Some((_, kept)) = &mut self.kept else {
            found.extend(fpdu);
            return Ok(used);
        };
        kept.extend_from_slice(&octets[..used]);
        let wrong = match &fpdu {
            Some(fpdu) => fpdu.bad_markers > 0 && fpdu.crc != Crc::Good,
            None => self.deframer.markers()[0] > 0,
        };
        if wrong {
            self.begin_doubt(sound);
            self.decide(found)?;
            return Ok(used);
        }
        if let Some(fpdu) = fpdu {
            self.good += if self.fpdus > 0 { fpdu.good_markers } else { 0 };
            self.fpdus += 1;
            found.push(fpdu);
            self.keep();
        }
        Ok(used)
    }

    /// From here on, as long as the rule is not proved.
    fn keep(&mut self) {
        let unproved = self.deframer.marked() && self.good < PROOF;
        self.kept = unproved.then(|| (self.deframer.clone(), Vec::new()));
    }

    fn begin_doubt(&mut self, sound: fn(&Fpdu) -> bool) {
        let Some((start, octets)) = self.kept.take() else {
            return;
        };
        self.doubted = octets.len();
        for crc_counts in [true, false] {
            for pointer in [Pointer::Big, Pointer::Little, Pointer::Zero] {
                let rule = MarkerRule {
                    crc_counts,
                    pointer,
                };
                let mut candidate = Candidate {
                    deframer: start.under(rule),
                    fpdus: Vec::new(),
                    good: 0,
                    proved: false,
                    dead: false,
                };
                candidate.push(&octets, sound);
                self.doubt.push(candidate);
            }
        }
    }

    fn doubtful(
        &mut self,
        octets: &[u8],
        sound: fn(&Fpdu) -> bool,
        found: &mut Vec<Fpdu>,
    ) -> Result<(), Stopped> {
        self.doubted += octets.len();
        for candidate in &mut self.doubt {
            candidate.push(octets, sound);
        }
        self.decide(found)
    }

    /// Goes on by the rule that is proved, if one is.
    fn decide(&mut self, found: &mut Vec<Fpdu>) -> Result<(), Stopped> {
        self.doubt.retain(|c| !c.dead);
        let least = if self.doubt.len() == 1 { 1 } else { ALIKE };
        let proved = |c: &Candidate| c.proved || c.right() >= least;
        if let Some(at) = self.doubt.iter().position(proved) {
            let mut chosen = self.doubt.swap_remove(at);
            self.doubt.clear();
            found.append(&mut chosen.fpdus);
            self.deframer = chosen.deframer;
            return Ok(());
        }
        if self.doubt.is_empty() || self.doubted > DOUBT_MAX {
            self.doubt.clear();
            return Err(Stopped);
        }
        Ok(())
    }

    /// Nothing more comes: what all rules find alike is certain, whichever is the sender's.
    pub(super) fn conclude(&mut self) -> Vec<Fpdu> {
        let Some(first) = self.doubt.first().cloned() else {
            return Vec::new();
        };
        let alike = self
            .doubt
            .iter()
            .all(|c| c.right() > 0 && c.fpdus == first.fpdus);
        if !alike {
            return Vec::new();
        }
        self.doubt.clear();
        self.deframer = first.deframer;
        first.fpdus
    }

    /// Octets are missing: what [`Deframer::skip`] says; None also if no rule is proved.
    pub(super) fn skip(&mut self, octets: u64) -> Option<Option<Fpdu>> {
        if self.in_doubt() {
            self.doubt.clear();
            return None;
        }
        // Markers behind it cannot be compared with what is before.
        self.kept = None;
        self.deframer.skip(octets)
    }
}
