//! What was lost, where, and what it cost.

use super::{Run, share};
use crate::catalogue::Check;
use crate::counters::N_03;
use crate::finding::Severity::{self, Error, Warning};
use crate::pause::{P_12, P_14};
use crate::rc::{RC_05, RC_07, RC_08, RC_14, RC_24, RC_26, RC_28, RC_30, RC_37};
use crate::words::plural;
use crate::words::{port_name, status_name};
use xoff_model::results::{DropCause, FlowResult, FlowStatus, PortResult};
use xoff_model::time::SimDuration;
use xoff_model::{EcnAction, Op, PRIORITIES, PauseMode, Recovery, Transport};
use xoff_scenario::metrics::value::ppm;

/// What is violated, how gravely, the metric that counts it, and the sentence.
pub(super) type Lost = (&'static Check, Severity, &'static str, String);

/// Frames lost for one reason, and where most of them.
struct Loss<'a> {
    total: u64,
    port: &'a PortResult,
    priority: usize,
}

impl<'a> Run<'a> {
    /// Frames that did not arrive; the first sentence also says what was sent again.
    pub(super) fn losses(&self) -> Vec<Lost> {
        let mut found = Vec::new();
        let headroom = self.lossless_drops(DropCause::HeadroomFull);
        found.extend(headroom.map(|told| (&P_12, Error, "drops.headroom_full", told)));
        let pool = self.lossless_drops(DropCause::HeadroomPoolFull);
        found.extend(pool.map(|told| (&P_14, Error, "drops.headroom_pool_full", told)));
        let tail = self.tail_drops();
        found.extend(tail.map(|told| (&RC_05, Warning, "drops.tail_drop", told)));
        let host = self.receive_buffer();
        found.extend(host.map(|told| (&N_03, Error, "drops.rx_buffer", told)));
        let large = self.oversize();
        found.extend(large.map(|told| (&RC_05, Warning, "drops.oversize", told)));
        let early = self.early_drops();
        found.extend(early.map(|told| (&RC_05, Warning, "drops.wred", told)));
        found.extend(self.on_links());
        if let Some((.., first)) = found.first_mut() {
            first.push_str(&self.resent());
        }
        found
    }

    fn loss(&self, cause: DropCause) -> Option<Loss<'a>> {
        let mut total = 0;
        let mut worst: Option<(u64, &PortResult, usize)> = None;
        for port in &self.results.ports {
            for p in 0..PRIORITIES {
                let frames = port.drops[cause as usize][p];
                total += frames;
                if frames > worst.map_or(0, |(most, ..)| most) {
                    worst = Some((frames, port, p));
                }
            }
        }
        worst.map(|(_, port, priority)| Loss {
            total,
            port,
            priority,
        })
    }

    fn lossless_drops(&self, cause: DropCause) -> Option<String> {
        let loss = self.loss(cause)?;
        let (port, peer) = (loss.port, self.name(loss.port.peer));
        let q = &port.priority[loss.priority];
        let pool = self.switch(port.node).and_then(|s| s.buffer.headroom_pool);
        let full = match (cause, pool) {
            (DropCause::HeadroomPoolFull, Some(pool)) => {
                format!("the headroom pool of {} ({pool})", self.name(port.node))
            }
            _ => format!("its headroom ({} used)", q.headroom_peak),
        };
        let why = if Self::stopped(port, loss.priority) == 0 {
            format!("{full} was full, and {peer} was never paused")
        } else if self.is_obeyed(port, loss.priority) {
            format!("more came after it had paused {peer} than {full} holds")
        } else {
            format!("{full} was full, and {peer} does not obey its pause")
        };
        Some(format!(
            "{} of a lossless class lost, most from {peer} at {} (priority {}): {why}",
            plural(loss.total, "frame"),
            port_name(self.model, port),
            loss.priority,
        ))
    }

    fn tail_drops(&self) -> Option<String> {
        let loss = self.loss(DropCause::TailDrop)?;
        let mut text = format!(
            "{} tail-dropped, most at {} (priority {})",
            plural(loss.total, "frame"),
            self.place(loss.port),
            loss.priority,
        );
        if !loss.port.priority[loss.priority].lossless {
            text += match self.pause_spec(loss.port).map(|spec| spec.mode) {
                Some(PauseMode::Off) => ", where PFC is off",
                _ => ", where that priority is not lossless",
            };
        } else if let Some(from) = self.lossy_entry(&loss) {
            text += &format!(", of what came in from {}, ", self.name(from.peer));
            text += match self.pause_spec(from).map(|spec| spec.mode) {
                Some(PauseMode::Off) => "where PFC is off",
                _ => "where that priority is not lossless",
            };
        }
        Some(text)
    }

    /// The port of the switch, among those where a priority is not lossless, that received most.
    fn lossy_entry(&self, loss: &Loss<'_>) -> Option<&'a PortResult> {
        let here = self
            .results
            .ports
            .iter()
            .filter(|p| p.node == loss.port.node);
        let lossy = here.filter(|p| !p.priority[loss.priority].lossless && p.rx_bytes > 0);
        lossy.max_by_key(|p| (p.rx_bytes, std::cmp::Reverse(p.port)))
    }

    fn early_drops(&self) -> Option<String> {
        let loss = self.loss(DropCause::Wred)?;
        let profile = self.switch_port(loss.port)?;
        let queue = usize::from(profile.priority_to_queue[loss.priority]) % PRIORITIES;
        let why = match profile.ecn[queue].as_ref().map(|ecn| ecn.action) {
            Some(EcnAction::Drop) => "where WRED drops instead of marking",
            _ => "where WRED drops what is not ECN-capable",
        };
        Some(format!(
            "{} dropped early, most at {} (priority {}), {why}",
            plural(loss.total, "frame"),
            self.place(loss.port),
            loss.priority,
        ))
    }

    fn oversize(&self) -> Option<String> {
        let loss = self.loss(DropCause::Oversize)?;
        let mtu = self.model.link_mtu(loss.port.node, loss.port.port)?;
        Some(format!(
            "{} too large for a link MTU, most at {}, where it is {mtu}",
            plural(loss.total, "frame"),
            port_name(self.model, loss.port),
        ))
    }

    fn receive_buffer(&self) -> Option<String> {
        let loss = self.loss(DropCause::RxBuffer)?;
        let (host, peer) = (self.name(loss.port.node), self.name(loss.port.peer));
        let stops = Self::stopped(loss.port, loss.priority);
        let off = self
            .pause_spec(loss.port)
            .is_some_and(|spec| spec.mode == PauseMode::Off);
        let why = if stops == 0 && off {
            "and its PFC is off".to_owned()
        } else if stops == 0 {
            format!("and it did not pause {peer} for that priority")
        } else if self.is_obeyed(loss.port, loss.priority) {
            format!("more came after it had paused {peer} than it had room for")
        } else {
            format!("and {peer} does not obey its pause")
        };
        Some(format!(
            "{} lost for want of room in a receive buffer, most at {host} (priority {}): it was \
             full, {why}",
            plural(loss.total, "frame"),
            loss.priority,
        ))
    }

    fn on_links(&self) -> Vec<Lost> {
        let at = |port: &PortResult| {
            let (node, peer) = (self.name(port.node), self.name(port.peer));
            format!("between {peer} and {node}")
        };
        let seen = |port: &PortResult| format!("noticed at {}", self.name(port.node));
        let node = |port: &PortResult| format!("at {}", self.name(port.node));
        type Where<'f> = &'f dyn Fn(&PortResult) -> String;
        use DropCause::{LinkDown, LinkError, NoRoute, Refused, Rule};
        type Cause<'f> = (&'static Check, DropCause, &'static str, &'f str, Where<'f>);
        let causes: [Cause<'_>; 5] = [
            (
                &RC_37,
                LinkError,
                "drops.link_error",
                "lost or damaged on links",
                &seen,
            ),
            (
                &RC_05,
                LinkDown,
                "drops.link_down",
                "lost with links that went down",
                &at,
            ),
            (
                &RC_05,
                NoRoute,
                "drops.no_route",
                "without a way to go on",
                &node,
            ),
            (&RC_05, Rule, "drops.rule", "dropped by rules", &at),
            (
                &RC_37,
                Refused,
                "drops.refused",
                "refused for what their bytes say",
                &node,
            ),
        ];
        let told = causes
            .into_iter()
            .filter_map(|(check, cause, metric, what, place)| {
                let loss = self.loss(cause)?;
                let frames = plural(loss.total, "frame");
                let told = format!("{frames} {what}, most {}", place(loss.port));
                Some((check, Warning, metric, told))
            });
        told.collect()
    }

    /// What senders sent again in the whole run.
    fn resent(&self) -> String {
        let flows = &self.results.flows;
        let packets: u64 = flows.iter().map(|f| f.retransmitted_packets).sum();
        let sent: u64 = flows.iter().map(|f| f.data_packets).sum();
        if packets == 0 {
            return String::new();
        }
        format!(
            "; in all, {} sent {} again ({} of all)",
            self.recovery().unwrap_or("senders"),
            plural(packets, "data packet"),
            share(ppm(packets, sent).unwrap_or(0))
        )
    }

    /// The recovery of all flows that sent something again, if it is one.
    fn recovery(&self) -> Option<&'static str> {
        let again = |f: &&FlowResult| f.retransmitted_packets > 0;
        let mut kinds = self.results.flows.iter().filter(again).map(|f| {
            let spec = self.model.flows.get(f.flow as usize)?;
            let nic = self.nic(spec.src)?;
            (spec.op != Op::Read).then_some(nic.rc.recovery)
        });
        let first = kinds.next()??;
        kinds
            .all(|kind| kind == Some(first))
            .then_some(match first {
                Recovery::GoBackN => "go-back-N",
                Recovery::GoBack0 => "go-back-0",
                Recovery::Selective => "selective repeat",
            })
    }

    pub(super) fn failed(&self) -> Option<(&'static Check, String)> {
        let over = |s| !matches!(s, FlowStatus::Completed | FlowStatus::Unfinished);
        let mut failed = self.courses.iter().filter(|c| over(c.result.status));
        let first = failed.next()?;
        let others = failed.count() as u64;
        let more = if others == 0 {
            String::new()
        } else {
            format!(" and {others} more")
        };
        let check = match first.result.status {
            FlowStatus::RnrRetryExceeded => &RC_24,
            FlowStatus::RemoteInvalidRequest => &RC_30,
            FlowStatus::RemoteAccess => &RC_28,
            FlowStatus::RemoteOperational => &RC_26,
            _ => &RC_08,
        };
        let status = status_name(first.result.status).replace('_', " ");
        Some((
            check,
            format!("{}{more} failed ({status})", first.spec.name),
        ))
    }

    /// RNR NAKs, and the flow that waited most for them.
    pub(super) fn receiver_not_ready(&self) -> Option<String> {
        let naks: u64 = self
            .courses
            .iter()
            .map(|c| c.result.counters.rnr_nak_retry_err)
            .sum();
        let waited = self.courses.iter().rev();
        let most = waited.max_by_key(|c| c.result.rnr_wait)?;
        if naks == 0 {
            return None;
        }
        let short = most.result.counters.out_of_buffer > 0;
        let why = match short && self.model.rules.is_empty() {
            true => format!("{} had no receive posted, and ", self.name(most.spec.dst)),
            false => String::new(),
        };
        let wait = most.result.rnr_wait;
        Some(format!(
            "{}: {why}{} waited {wait} for them, {} of its time",
            plural(naks, "RNR NAK"),
            most.spec.name,
            share(most.share(wait)),
        ))
    }

    /// A timer that ran out means so much time without an ACK.
    pub(super) fn timeouts(&self) -> Option<(&'static Check, Severity, String)> {
        let count = |f: &FlowResult| f.counters.local_ack_timeout_err;
        let total: u64 = self.courses.iter().map(|c| count(c.result)).sum();
        let silent = |c: &super::Course<'_>| {
            let timer = self
                .nic(c.spec.src)
                .map_or(SimDuration::ZERO, |nic| nic.rc.timeout);
            (timer.ps().saturating_mul(count(c.result)), timer)
        };
        let most = self.courses.iter().rev().max_by_key(|c| silent(c))?;
        if total == 0 {
            return None;
        }
        let (sum, timer) = silent(most);
        let sum = SimDuration::from_ps(sum);
        let lossless = self.drops() == 0 && self.model.rules.is_empty();
        let told = format!(
            "{}{}: {} was {} without an answer for its timer of {timer}, together {} of its time{}",
            plural(total, "ACK timeout"),
            if lossless {
                " although no frame was lost"
            } else {
                ""
            },
            most.spec.name,
            plural(count(most.result), "time"),
            share(most.share(sum)),
            self.came_twice(lossless),
        );
        Some(match lossless {
            true => (&RC_14, Warning, told),
            false => (&RC_07, Error, told),
        })
    }

    /// Packets that were repeated for nothing.
    fn came_twice(&self, lossless: bool) -> String {
        let timed_out = self.courses.iter().filter(|c| {
            let data = c.spec.op != Op::Read && c.spec.transport == Transport::Rc;
            data && c.result.counters.local_ack_timeout_err > 0
        });
        let twice: u64 = timed_out.map(|c| c.result.counters.duplicate_request).sum();
        if twice == 0 || !lossless {
            return String::new();
        }
        format!("; {} came twice", plural(twice, "packet"))
    }
}
