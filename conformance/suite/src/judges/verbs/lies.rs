//! What wrong stacks would say.

use super::rig::NEVER_MS;
use crate::evidence::Status;
use xoff_lab::agent::{QpState, Reply, Request, Side, Work};

fn replace(reply: &mut Reply, from: impl Fn(Status) -> bool, to: Status) {
    if let Reply::Completions(works) = reply {
        for work in works.iter_mut().filter(|work| from(work.status)) {
            work.status = to;
        }
    }
}

pub(super) fn invalid_is_access(_: &Request, reply: &mut Reply) {
    replace(reply, |s| s == Status::RemInvReqErr, Status::RemAccessErr);
}

pub(super) fn operational_is_access(_: &Request, reply: &mut Reply) {
    replace(reply, |s| s == Status::RemOpErr, Status::RemAccessErr);
}

pub(super) fn access_is_operational(_: &Request, reply: &mut Reply) {
    replace(reply, |s| s == Status::RemAccessErr, Status::RemOpErr);
}

pub(super) fn errors_are_successes(_: &Request, reply: &mut Reply) {
    replace(reply, |_| true, Status::Success);
}

pub(super) fn success_is_access(_: &Request, reply: &mut Reply) {
    replace(reply, |s| s == Status::Success, Status::RemAccessErr);
}

pub(super) fn reversed(_: &Request, reply: &mut Reply) {
    if let Reply::Completions(works) = reply {
        works.reverse();
    }
}

pub(super) fn loses_one(_: &Request, reply: &mut Reply) {
    if let Reply::Completions(works) = reply {
        works.pop();
    }
}

pub(super) fn states_are_rts(_: &Request, reply: &mut Reply) {
    if let Reply::State(state) = reply {
        *state = QpState::Rts;
    }
}

pub(super) fn sends_twice(_: &Request, reply: &mut Reply) {
    if let Reply::Counters(all) = reply {
        for value in all.values_mut() {
            *value = value.saturating_mul(2);
        }
    }
}

pub(super) fn no_events(_: &Request, reply: &mut Reply) {
    if let Reply::Events(events) = reply {
        events.clear();
    }
}

pub(super) fn events_twice(_: &Request, reply: &mut Reply) {
    if let Reply::Events(events) = reply {
        let again = events.clone();
        events.extend(again);
    }
}

/// Where nothing more should complete, something does.
fn one_more(request: &Request, reply: &mut Reply, wanted: Side) {
    let Request::Poll {
        side, timeout_ms, ..
    } = request
    else {
        return;
    };
    if let (Reply::Completions(works), true) = (reply, *side == wanted && *timeout_ms == NEVER_MS) {
        works.push(Work {
            wr: works.last().map_or(0, |work| work.wr + 1),
            status: Status::Success,
            vendor_error: 0,
            opcode: "RECV".to_owned(),
            bytes: 0,
            imm: None,
            invalidated: None,
            grh: false,
            qpn: 0,
            src_qpn: 0,
            at_ns: 0,
        });
    }
}

pub(super) fn completes_late_work(request: &Request, reply: &mut Reply) {
    one_more(request, reply, Side::Send);
}

pub(super) fn receives_all(request: &Request, reply: &mut Reply) {
    one_more(request, reply, Side::Receive);
}

pub(super) fn no_immediate(_: &Request, reply: &mut Reply) {
    if let Reply::Completions(works) = reply {
        works.iter_mut().for_each(|work| work.imm = None);
    }
}

pub(super) fn swapped_immediate(_: &Request, reply: &mut Reply) {
    if let Reply::Completions(works) = reply {
        for work in works.iter_mut() {
            work.imm = work.imm.map(u32::swap_bytes);
        }
    }
}

pub(super) fn allows_all(request: &Request, reply: &mut Reply) {
    if matches!(request, Request::ModifyQp { .. }) {
        *reply = Reply::Done;
    }
}

pub(super) fn no_header(_: &Request, reply: &mut Reply) {
    if let Reply::Completions(works) = reply {
        for work in works.iter_mut() {
            work.bytes = work.bytes.saturating_sub(40);
            work.grh = false;
        }
    }
}
