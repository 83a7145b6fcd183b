//! SMB between real stacks: S, SD.

use super::{Case, Judged, Means, Mutant, Wrong};
use crate::Arm;
use crate::arm::smb::{
    CUT_MS, Due, Experiment, MountSeen, NOT_SUPPORTED, Negotiation, Side, SmbEvidence, VECTORS,
    Vector, Write,
};
use std::collections::BTreeMap;
use xoff_checks::catalogue::{Check, Symptom};
use xoff_checks::smb::{NO_CHANNEL, S_01, S_02, S_03, S_05};
use xoff_checks::smb_direct::{
    FOLLOWS_CLIENT, LEAST_FRAGMENTED_REFUSED, MINIMUM_REFUSED, SD_01, SD_02, SD_03, SD_04, SD_05,
    SD_06, SD_07, STATUS_IGNORED,
};
use xoff_wire::smbd::{FRAGMENTED_SIZE_MIN, RECEIVE_SIZE_MIN};

const NO_KERNELS: &[(Arm, &str)] = &[
    (Arm::Sim, "the simulator has no SMB"),
    (Arm::Trace, "xoff trace judges SMB of captures"),
    (Arm::Device, "only guests are told to mount"),
];
/// What a copy may take beyond the time that an interface is down: the client finds a channel dead
/// after three probes, TCP's backoff doubles, and guests share CPUs.
const RECOVERY_MS: u64 = 20_000;
/// Bytes that make a window worth judging.
const BUSY: u64 = 65_536;

const fn case(
    check: &'static Check,
    experiments: &'static [Experiment],
    judge: fn(&SmbEvidence) -> Judged,
    mutants: &'static [Mutant],
) -> Case {
    Case {
        check,
        means: Means::Smb { experiments, judge },
        not_on: NO_KERNELS,
        mutants,
    }
}

const fn falsified(name: &'static str, lie: fn(&mut SmbEvidence)) -> Mutant {
    Mutant {
        name,
        wrong: Wrong::Smb(lie),
    }
}

pub(super) const CASES: &[Case] = &[
    case(
        &S_01,
        &[Experiment::Tcp, Experiment::Direct],
        transport,
        &[falsified("the transport is the other one", |seen| {
            for mount in &mut seen.mounts {
                mount.state.rdma = !mount.state.rdma;
            }
        })],
    ),
    case(
        &S_02,
        &[Experiment::Multichannel],
        channels,
        &[
            falsified("an interface is left out", |seen| {
                for mount in &mut seen.mounts {
                    mount
                        .state
                        .tcp
                        .retain(|address| !address.starts_with("10.9.1."));
                }
            }),
            falsified("more channels are opened than were asked for", |seen| {
                for mount in &mut seen.mounts {
                    mount.state.extra_channels = mount.asked.channels.into();
                }
            }),
        ],
    ),
    case(
        &S_03,
        &[Experiment::Direct, Experiment::Multichannel],
        channel_loss,
        &[
            falsified("the copy differs", |seen| {
                seen.copies.iter_mut().for_each(|copy| copy.found.clear());
            }),
            falsified("a write is repeated without need", |seen| {
                let again = |more: u64| {
                    move |write: &Write| Write {
                        message_id: write.message_id.saturating_add(more << 32),
                        ..*write
                    }
                };
                let twice = [again(1), again(2)];
                let more = twice
                    .iter()
                    .flat_map(|again| seen.wire.writes.iter().map(again));
                let more: Vec<Write> = more.collect();
                seen.wire.writes.extend(more);
            }),
        ],
    ),
    case(
        &S_05,
        &[Experiment::Direct],
        share,
        &[falsified("one window is TCP's", |seen| {
            for window in seen.wire.windows.values_mut().filter(|w| w.rdma >= BUSY) {
                window.tcp = window.rdma;
            }
        })],
    ),
    case(&SD_01, NEGOTIATE, below_minimum, ACCEPTED),
    case(&SD_02, NEGOTIATE, receive_size, SILENT),
    case(&SD_03, NEGOTIATE, fragmented_size, SILENT),
    case(&SD_04, NEGOTIATE, version, SILENT),
    case(&SD_05, NEGOTIATE, receive_floor, NARROW),
    case(&SD_06, NEGOTIATE, bad_response, WENT_ON),
    case(&SD_07, NEGOTIATE, good_response, STOPPED),
];

const NEGOTIATE: &[Experiment] = &[Experiment::Negotiate];
const ACCEPTED: &[Mutant] = &[falsified("the server answers everything", |seen| {
    let good = seen.wire.negotiations.iter().find_map(|n| n.sent);
    for negotiation in &mut seen.wire.negotiations {
        negotiation.sent = negotiation.sent.or(good);
    }
})];
const SILENT: &[Mutant] = &[falsified("the server answers nothing", |seen| {
    for negotiation in &mut seen.wire.negotiations {
        negotiation.sent = None;
    }
})];
const NARROW: &[Mutant] = &[falsified("the server announces 127", |seen| {
    let sent = seen
        .wire
        .negotiations
        .iter_mut()
        .filter_map(|n| n.sent.as_mut());
    sent.for_each(|response| response.max_receive_size = RECEIVE_SIZE_MIN - 1);
})];
const WENT_ON: &[Mutant] = &[falsified("the client goes on whatever comes", |seen| {
    seen.wire
        .negotiations
        .iter_mut()
        .for_each(|n| n.client_messages = 1);
})];
const STOPPED: &[Mutant] = &[falsified("the client never goes on", |seen| {
    seen.wire
        .negotiations
        .iter_mut()
        .for_each(|n| n.client_messages = 0);
})];

fn mounted(judged: &mut Judged, seen: &SmbEvidence) -> bool {
    let mut all = true;
    for MountSeen { got, .. } in &seen.mounts {
        if got.status != Some(0) {
            all = false;
            judged.expect(false, &[], || format!("mount failed: {}", got.message));
        }
    }
    all && !seen.mounts.is_empty()
}

fn transport(seen: &SmbEvidence) -> Judged {
    let mut judged = Judged::default();
    if !mounted(&mut judged, seen) {
        return judged;
    }
    for mount in &seen.mounts {
        let asked = mount.asked.rdma;
        judged.expect(mount.state.rdma == asked, &[], || {
            format!("RDMA asked for: {asked}, used: {}", mount.state.rdma)
        });
        let single = mount.asked.channels > 1 || mount.state.extra_channels == 0;
        judged.expect(single, &[], || {
            let extra = mount.state.extra_channels;
            format!("{extra} more channels without multichannel")
        });
    }
    let direct = !seen.wire.negotiations.is_empty();
    let asked = seen.mounts.iter().any(|mount| mount.asked.rdma);
    judged.expect(direct == asked, &[], || {
        format!("SMB Direct asked for: {asked}, negotiated on the wire: {direct}")
    });
    judged
}

/// The Linux client opens one channel to each interface that is not RSS-capable.
fn channels(seen: &SmbEvidence) -> Judged {
    let mut judged = Judged::default();
    if !mounted(&mut judged, seen) {
        return judged;
    }
    for mount in &seen.mounts {
        let mut per: BTreeMap<&str, u64> = BTreeMap::new();
        for address in &mount.state.tcp {
            *per.entry(address).or_default() += 1;
        }
        for network in 0..seen.networks {
            let address = format!("10.9.{network}.1");
            let count = per.get(address.as_str()).copied().unwrap_or_default();
            judged.expect_not(&NO_CHANNEL, count > 0, &[], || {
                format!("no channel to {address}, which the server offers")
            });
        }
        let total = mount.state.extra_channels.saturating_add(1);
        judged.expect(total <= u64::from(mount.asked.channels), &[], || {
            format!(
                "{total} channels, at most {} asked for",
                mount.asked.channels
            )
        });
        judged.detail = format!("{} interfaces used", per.len());
    }
    judged
}

fn channel_loss(seen: &SmbEvidence) -> Judged {
    let mut judged = Judged::default();
    if !mounted(&mut judged, seen) {
        return judged;
    }
    for copy in &seen.copies {
        let way = if copy.writing { "written" } else { "read" };
        let whole = copy.copied.error.is_none() && copy.sent == copy.found;
        judged.expect(whole, &[], || {
            let why = copy
                .copied
                .error
                .as_deref()
                .unwrap_or("the SHA-256 differs");
            format!("a file was not {way} as it is: {why}")
        });
        if copy.cut.is_some() {
            judged.expect(copy.copied.ms <= CUT_MS + RECOVERY_MS, &[], || {
                let ms = copy.copied.ms;
                format!("the copy took {ms} ms with an interface down for {CUT_MS} ms")
            });
        }
    }
    repeats(seen, &mut judged);
    judged
}

/// Each write goes once; those that a lost channel had under way may go once more.
fn repeats(seen: &SmbEvidence, judged: &mut Judged) {
    let cut = seen.copies.iter().find_map(|copy| copy.cut);
    let mut by_offset: BTreeMap<(u64, u64), Vec<&Write>> = BTreeMap::new();
    for write in &seen.wire.writes {
        by_offset
            .entry((write.file, write.offset))
            .or_default()
            .push(write);
    }
    for ((_, offset), writes) in by_offset {
        let lost = writes.iter().any(|write| Some(write.network) == cut);
        let most = 1 + usize::from(lost);
        judged.expect(writes.len() <= most, &[], || {
            format!("the write at {offset} was sent {} times", writes.len())
        });
    }
}

fn share(seen: &SmbEvidence) -> Judged {
    let mut judged = Judged::default();
    for window in seen.wire.windows.values() {
        if window.rdma.saturating_add(window.tcp) < BUSY {
            continue;
        }
        judged.expect(window.rdma > window.tcp, &[], || {
            let (rdma, tcp) = (window.rdma, window.tcp);
            format!("{rdma} bytes by RDMA and {tcp} by TCP in a window")
        });
    }
    judged
}

/// The attempts whose vector is wanted; none if attempts and vectors do not go together.
fn attempts<'a>(
    seen: &'a SmbEvidence,
    judged: &mut Judged,
    wanted: impl Fn(&Vector) -> bool,
) -> Vec<(&'static Vector, &'a Negotiation)> {
    let found = seen.wire.negotiations.len();
    if found != VECTORS.len() {
        judged.detail = format!("{found} negotiations for {} attempts", VECTORS.len());
        return Vec::new();
    }
    let pairs = VECTORS.iter().zip(&seen.wire.negotiations);
    let pairs: Vec<_> = pairs.filter(|(vector, _)| wanted(vector)).collect();
    if let Some((vector, _)) = pairs.iter().find(|(_, got)| got.qpn[0] == 0) {
        judged.detail = format!("{} {}: there was no request", vector.field, vector.value);
        return Vec::new();
    }
    pairs
}

fn asked(vector: &Vector, field: &str) -> bool {
    vector.side == Side::Request && vector.field == field
}

fn below_minimum(seen: &SmbEvidence) -> Judged {
    let mut judged = Judged::default();
    let wanted = |v: &Vector| v.side == Side::Request && v.due == Due::Leave;
    for (vector, got) in attempts(seen, &mut judged, wanted) {
        let refused = got.sent.is_none_or(|response| response.status != 0);
        judged.expect(refused, &[], || {
            format!(
                "a request with {} {} is accepted",
                vector.field, vector.value
            )
        });
    }
    judged
}

/// `least`: of the field, and what stacks are known for that refuse it.
fn accepted(seen: &SmbEvidence, field: &str, least: (u32, &'static Symptom)) -> Judged {
    let mut judged = Judged::default();
    let wanted = |v: &Vector| asked(v, field) && v.due == Due::Accept;
    for (vector, got) in attempts(seen, &mut judged, wanted) {
        let answered = got.sent.is_some_and(|response| response.status == 0);
        let symptom = (vector.value == least.0).then_some(least.1);
        judged.expect_not(symptom, answered, &[], || {
            let left = if got.left[0] {
                "disconnects"
            } else {
                "does not answer"
            };
            format!("{field} {}: the server {left}", vector.value)
        });
    }
    judged
}

fn receive_size(seen: &SmbEvidence) -> Judged {
    accepted(seen, "MaxReceiveSize", (RECEIVE_SIZE_MIN, &MINIMUM_REFUSED))
}

fn fragmented_size(seen: &SmbEvidence) -> Judged {
    let least = (FRAGMENTED_SIZE_MIN, &LEAST_FRAGMENTED_REFUSED);
    accepted(seen, "MaxFragmentedSize", least)
}

fn version(seen: &SmbEvidence) -> Judged {
    let mut judged = Judged::default();
    let wanted = |v: &Vector| v.due == Due::Refuse;
    for (vector, got) in attempts(seen, &mut judged, wanted) {
        let status = got.sent.map(|response| response.status);
        judged.expect(status == Some(NOT_SUPPORTED), &[], || {
            let (field, value) = (vector.field, vector.value);
            format!("{field} {value:#06x}: the answer's status is {status:x?}")
        });
    }
    judged
}

fn receive_floor(seen: &SmbEvidence) -> Judged {
    let mut judged = Judged::default();
    let wanted = |v: &Vector| asked(v, "PreferredSendSize");
    for (vector, got) in attempts(seen, &mut judged, wanted) {
        let size = got.sent.map(|response| response.max_receive_size);
        let enough = size.is_some_and(|size| size >= RECEIVE_SIZE_MIN);
        let symptom = (size == Some(vector.value)).then_some(&FOLLOWS_CLIENT);
        judged.expect_not(symptom, enough, &[], || {
            let size = size.unwrap_or_default();
            format!(
                "PreferredSendSize {}: MaxReceiveSize {size} is announced",
                vector.value
            )
        });
    }
    judged
}

fn bad_response(seen: &SmbEvidence) -> Judged {
    let mut judged = Judged::default();
    let wanted = |v: &Vector| v.side == Side::Response && v.due == Due::Leave;
    for (vector, got) in attempts(seen, &mut judged, wanted) {
        let symptom = (vector.field == "Status").then_some(&STATUS_IGNORED);
        judged.expect_not(symptom, got.client_messages == 0, &[], || {
            format!(
                "a response with {} {} is accepted",
                vector.field, vector.value
            )
        });
    }
    judged
}

fn good_response(seen: &SmbEvidence) -> Judged {
    let mut judged = Judged::default();
    let wanted = |v: &Vector| v.side == Side::Response && v.due == Due::Accept;
    for (vector, got) in attempts(seen, &mut judged, wanted) {
        judged.expect(got.client_messages > 0, &[], || {
            format!(
                "a response with {} {} is not accepted",
                vector.field, vector.value
            )
        });
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::smb::{CopySeen, SmbWire, Window};
    use xoff_lab::smb::ClientState;
    use xoff_lab::smb::protocol::{Copied, Mount, Mounted};
    use xoff_wire::smbd::NegotiateResponse;

    /// What stacks without fault would leave.
    fn faultless(experiment: Experiment) -> SmbEvidence {
        let rdma = matches!(experiment, Experiment::Direct | Experiment::Negotiate);
        let many = experiment == Experiment::Multichannel;
        let networks = if many { 3 } else { 1 };
        let mount = MountSeen {
            asked: Mount {
                server: "10.9.0.1".to_owned(),
                rdma,
                channels: if many { 4 } else { 1 },
                limit_ms: 1,
            },
            got: Mounted {
                status: Some(0),
                ..Mounted::default()
            },
            state: ClientState {
                mounted: true,
                rdma,
                extra_channels: networks - 1,
                tcp: (0..networks).map(|n| format!("10.9.{n}.1")).collect(),
                ..ClientState::default()
            },
            last: None,
        };
        let copy = CopySeen {
            writing: true,
            sent: "ab".to_owned(),
            found: "ab".to_owned(),
            copied: Copied {
                ms: CUT_MS + 500,
                ..Copied::default()
            },
            cut: many.then_some(0),
        };
        let write = |offset: u64| Write {
            offset,
            file: 1,
            network: 0,
            client_port: 1000,
            message_id: offset,
        };
        let window = match rdma {
            true => Window { rdma: BUSY, tcp: 1 },
            false => Window { rdma: 0, tcp: BUSY },
        };
        let negotiations = match experiment {
            Experiment::Negotiate => VECTORS.iter().map(negotiated).collect(),
            Experiment::Direct => vec![Negotiation::default()],
            _ => Vec::new(),
        };
        SmbEvidence {
            mounts: vec![mount],
            copies: vec![copy],
            wire: SmbWire {
                negotiations,
                windows: [(0, window)].into(),
                writes: if many {
                    (0..4).map(write).collect()
                } else {
                    [].into()
                },
                cut: false,
            },
            networks: networks as usize,
            ..SmbEvidence::default()
        }
    }

    fn negotiated(vector: &Vector) -> Negotiation {
        let status = match (vector.side, vector.due) {
            (Side::Request, Due::Leave) => None,
            (Side::Request, Due::Refuse) => Some(NOT_SUPPORTED),
            _ => Some(0),
        };
        let sent = status.map(|status| NegotiateResponse {
            status,
            max_receive_size: 1364,
            ..NegotiateResponse::default()
        });
        Negotiation {
            qpn: [17, 18],
            sent,
            received: sent,
            client_messages: u64::from(vector.due == Due::Accept),
            ..Negotiation::default()
        }
    }

    fn judged(case: &Case, falsify: Option<fn(&mut SmbEvidence)>) -> Judged {
        let Means::Smb { experiments, judge } = case.means else {
            panic!("{}: not about SMB", case.check.id);
        };
        let mut all = Judged::default();
        for experiment in experiments {
            let mut seen = faultless(*experiment);
            if let Some(falsify) = falsify {
                falsify(&mut seen);
            }
            let one = judge(&seen);
            all.stimuli += one.stimuli;
            all.faults.extend(one.faults);
        }
        all
    }

    #[test]
    fn faultless_stacks_pass_and_mutants_are_caught() {
        for case in CASES {
            let clean = judged(case, None);
            assert!(clean.stimuli > 0, "{}: {clean:?}", case.check.id);
            assert_eq!(clean.faults, [], "{}", case.check.id);
            for mutant in case.mutants {
                let Wrong::Smb(falsify) = mutant.wrong else {
                    panic!("{}: {}", case.check.id, mutant.name);
                };
                let caught = judged(case, Some(falsify));
                assert!(
                    !caught.faults.is_empty(),
                    "{} {}",
                    case.check.id,
                    mutant.name
                );
            }
        }
    }

    #[test]
    fn nothing_seen_is_nothing_judged() {
        for case in CASES {
            let Means::Smb { judge, .. } = case.means else {
                continue;
            };
            let judged = judge(&SmbEvidence::default());
            assert!(
                judged.stimuli == 0 || !judged.faults.is_empty(),
                "{}",
                case.check.id
            );
        }
    }
}
