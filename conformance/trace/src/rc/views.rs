//! Which halves make which connection, and which view of it speaks for what.
//!
//! For each direction of a connection, of all interfaces that saw it, the one nearest the sender of
//! the data speaks for what was sent and for the answers that came back; the one nearest the
//! receiver for what arrived. The data of READs flows from the responder.

use super::Follower;
use super::half::Half;
use super::key::{Key, Place};
use super::requests::Requests;
use std::collections::BTreeMap;

/// A direction: the half with the requests, the half with the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) requests: Option<usize>,
    pub(super) answers: Option<usize>,
}

/// A connection as one interface saw it: halves from a to b, and from b to a.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) forth: Option<usize>,
    pub(super) back: Option<usize>,
    pub(super) for_sender: [bool; 2],
    pub(super) for_receiver: [bool; 2],
}

impl View {
    pub(super) fn way(&self, direction: usize) -> Way {
        if direction == 0 {
            Way {
                requests: self.forth,
                answers: self.back,
            }
        } else {
            Way {
                requests: self.back,
                answers: self.forth,
            }
        }
    }

    /// Either half.
    pub(super) fn any(&self) -> Option<usize> {
        self.forth.or(self.back)
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Views {
    pub(super) list: Vec<View>,
    /// For each half, the connection it is in and the direction of its requests.
    pub(super) of_half: Vec<(usize, usize)>,
}

impl Views {
    pub(super) fn of(follower: &Follower) -> Views {
        let halves = &follower.halves;
        let mut views = Views {
            list: Vec::new(),
            of_half: vec![(usize::MAX, 0); halves.len()],
        };
        for (i, half) in halves.iter().enumerate() {
            if views.of_half[i].0 != usize::MAX {
                continue;
            }
            let peer = half.peer.map(|j| j as usize);
            let (forth, back) = orient(halves, i, peer);
            let connection = views.list.len();
            for (half, direction) in [(forth, 0), (back, 1)] {
                if let Some(h) = half {
                    views.of_half[h] = (connection, direction);
                }
            }
            views.list.push(View {
                forth,
                back,
                for_sender: [false; 2],
                for_receiver: [false; 2],
            });
        }
        views.speakers(halves);
        views
    }

    fn speakers(&mut self, halves: &[Half]) {
        let mut ways: BTreeMap<(Key, bool), Vec<(usize, usize)>> = BTreeMap::new();
        for (c, view) in self.list.iter().enumerate() {
            for direction in 0..2 {
                if let Some(key) = same(halves, view.way(direction)) {
                    ways.entry(key).or_default().push((c, direction));
                }
            }
        }
        for candidates in ways.values() {
            let place = |&(c, d): &(usize, usize)| data_place(halves, self.list[c].way(d));
            let sender = candidates.iter().min_by_key(|&v| place(v)).copied();
            let receiver = candidates
                .iter()
                .min_by_key(|&v| std::cmp::Reverse(place(v)))
                .copied();
            if let Some((c, d)) = sender {
                self.list[c].for_sender[d] = true;
            }
            if let Some((c, d)) = receiver {
                self.list[c].for_receiver[d] = true;
            }
        }
    }
}

/// Half from a to b, and from b to a: a is the first that sent a request.
fn orient(halves: &[Half], i: usize, peer: Option<usize>) -> (Option<usize>, Option<usize>) {
    let first = |h: usize| halves[h].requests.first_ns;
    let answers_only = |h: usize| first(h).is_none() && halves[h].answers.first_ns.is_some();
    match peer {
        Some(j) => match (first(i), first(j)) {
            (None, Some(_)) => (Some(j), Some(i)),
            (Some(x), Some(y)) if y < x => (Some(j), Some(i)),
            (None, None) if answers_only(i) && !answers_only(j) => (Some(j), Some(i)),
            _ => (Some(i), Some(j)),
        },
        None if answers_only(i) => (None, Some(i)),
        None => (Some(i), None),
    }
}

/// What tells that two views are of one direction; None if there is nothing in it.
fn same(halves: &[Half], way: Way) -> Option<(Key, bool)> {
    let answered = way.answers.is_some_and(|h| {
        let half = &halves[h];
        half.unseen.is_some() || half.answers.first_ns.is_some()
    });
    match (way.requests, way.answers) {
        (Some(h), _) if answered || halves[h].requests.started => {
            Some((halves[h].key.anywhere(), true))
        }
        (None, Some(h)) if answered => Some((halves[h].key.anywhere(), false)),
        _ => None,
    }
}

/// The requests of a direction.
pub(super) fn requests(halves: &[Half], way: Way) -> Option<&Requests> {
    match way.requests {
        Some(h) => Some(&halves[h].requests),
        None => halves[way.answers?].unseen.as_deref(),
    }
}

/// Whether most of a direction's data is READ responses.
pub(super) fn reads(halves: &[Half], way: Way) -> bool {
    requests(halves, way).is_some_and(|r| {
        let responses = r.reads.as_ref().map_or(0, |reads| reads.responses);
        responses > r.request_packets || (r.request_packets == 0 && r.read_requests > 0)
    })
}

/// Where the data of a direction is seen from, by the half that carries it.
pub(super) fn data_place(halves: &[Half], way: Way) -> Place {
    let (carrier, other) = if reads(halves, way) {
        (way.answers, way.requests)
    } else {
        (way.requests, way.answers)
    };
    match (carrier, other) {
        (Some(h), _) => halves[h].place,
        (None, Some(h)) => match halves[h].place {
            Place::Source => Place::Destination,
            Place::Between => Place::Between,
            Place::Destination => Place::Source,
        },
        (None, None) => Place::Between,
    }
}

/// Whether the data that a half carries is mostly responses to the other side's READs.
pub(super) fn carries_responses(halves: &[Half], half: usize) -> bool {
    let h = &halves[half];
    let other = match h.peer {
        Some(j) => Some(&halves[j as usize].requests),
        None => h.unseen.as_deref(),
    };
    let responses = other
        .and_then(|r| r.reads.as_ref())
        .map_or(0, |reads| reads.responses);
    responses > h.requests.request_packets
}
