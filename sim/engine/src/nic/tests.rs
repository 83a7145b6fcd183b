//! Turns and pacing of queue pairs, in closed form.

use crate::packet::PacketKind;
use crate::tap::{Direction, TapFrame};
use crate::{run, run_tapped};
use xoff_model::results::{FlowStatus, Results};
use xoff_model::testing::{active_span, flow, nic, star, switch};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::{BitRate, Bytes, Length};
use xoff_model::*;

/// Wire bytes of a full packet behind the first of a message, at MTU 1024.
const WIRE: u64 = 1_106;
/// More than any flow here can send.
const ENDLESS: u64 = 1 << 32;

fn simulate(model: &Model) -> Results {
    run(model, &mut |_| {})
}

fn until_us(model: &mut Model, us: u64) {
    model.until = Some(SimTime::ZERO + SimDuration::from_us(us));
}

/// Bits per second on the wire of each flow, over `us`.
fn rates(results: &Results, us: u64) -> Vec<u64> {
    let rate = |packets: u64| packets * WIRE * 8 * 1_000_000 / us;
    results.flows.iter().map(|f| rate(f.data_packets)).collect()
}

fn near(what: &str, value: u64, wanted: u64, ppm: u64) {
    let off = value.abs_diff(wanted);
    assert!(
        off * 1_000_000 <= wanted * ppm,
        "{what}: {value}, wanted {wanted}"
    );
}

/// Host 1 sends one flow of each pace, to hosts 0 and 2 in turn.
fn paced(paces_mbps: &[u64]) -> Model {
    let mut model = star(3, nic(PauseMode::Off), switch(PauseMode::Off));
    for (i, &pace) in (0..).zip(paces_mbps) {
        let mut f = flow(1, i % 2 * 2, ENDLESS);
        f.pace = Some(BitRate::from_bps(pace * 1_000_000));
        model.flows.push(f);
    }
    model
}

#[test]
fn paced_senders_of_one_port_keep_their_rates() {
    let eight = [3, 5, 7, 9, 11, 13, 15, 17].map(|g| g * 1_000);
    let slow_ones = [vec![150; 200], vec![50_000]].concat();
    let full = [vec![60_000], vec![4_000; 10]].concat();
    for paces in [vec![30_000, 25_000], eight.to_vec(), slow_ones, full] {
        let mut model = paced(&paces);
        until_us(&mut model, 4_000);
        for (rate, pace) in rates(&simulate(&model), 4_000).into_iter().zip(&paces) {
            near(&format!("{paces:?}"), rate, pace * 1_000_000, 15_000);
        }
    }
}

#[test]
fn the_reference_loses_the_time_that_paced_senders_wait() {
    let mut model = paced(&[30_000, 25_000]);
    model.nics[0].pacing = Pacing::Sent;
    until_us(&mut model, 4_000);
    let sum: u64 = rates(&simulate(&model), 4_000).iter().sum();
    assert!(sum < 52_000_000_000, "{sum}");
}

#[test]
fn who_stays_when_others_end_bursts_no_more_than_a_round() {
    // Four times 50 Gb/s at a port of 100: each gets half of its pace, as long as all are there.
    let mut model = paced(&[50_000; 4]);
    for f in &mut model.flows[1..] {
        f.bytes = 2_048_000;
    }
    let ended = simulate(&model).flows[1..]
        .iter()
        .filter_map(|f| f.end)
        .max();
    let ended = ended.unwrap().ps() / 1_000_000;
    until_us(&mut model, ended);
    let before = simulate(&model).flows[0].data_packets;
    until_us(&mut model, ended + 100);
    let after = simulate(&model).flows[0].data_packets - before;
    // 100 us at 50 Gb/s are 565 packets; a round of the four is four.
    assert!((565..=571).contains(&after), "{after}");
}

/// Two hosts and a cable between them.
fn pair() -> Model {
    let mut model = star(2, nic(PauseMode::Pfc), switch(PauseMode::Pfc));
    model.nodes.truncate(2);
    model.links.truncate(1);
    model.links[0].b = 1;
    model
}

#[test]
fn a_pause_is_not_made_up_for() {
    let mut model = pair();
    model.flows = vec![flow(0, 1, ENDLESS)];
    model.flows[0].pace = Some(BitRate::from_gbps(10));
    let storm = |us, kind| Fault {
        at: SimTime::ZERO + SimDuration::from_us(us),
        kind,
    };
    model.faults = vec![
        storm(200, FaultKind::PauseStormStart { node: 1, mask: 8 }),
        storm(800, FaultKind::PauseStormEnd { node: 1 }),
    ];
    until_us(&mut model, 1_000);
    // 400 us at 10 Gb/s; pause and resume take equally long to arrive.
    let packets = simulate(&model).flows[0].data_packets;
    assert!(
        packets.abs_diff(400_000 * 10 / (WIRE * 8)) <= 2,
        "{packets}"
    );
}

#[test]
fn time_with_nothing_to_send_is_not_made_up_for() {
    let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
    model.flows = vec![flow(0, 1, 10 * 1_024)];
    model.flows[0].pace = Some(BitRate::from_gbps(10));
    let one = active_span(&simulate(&model).flows[0]);
    model.flows[0].bytes *= 100;
    model.flows[0].depth = Some(1);
    let hundred = active_span(&simulate(&model).flows[0]);
    assert_eq!(hundred, one * 100);
}

#[test]
fn a_newcomer_waits_for_those_between_only() {
    let mut model = star(3, nic(PauseMode::Off), switch(PauseMode::Off));
    model.framing = Framing::Fixed {
        data_overhead: 48,
        control_bytes: 60,
        pad_last: false,
    };
    model.nics[0].mtu = 1_000;
    for link in &mut model.links {
        link.rate = BitRate::from_gbps(10);
    }
    model.flows = vec![flow(0, 1, 55_000), flow(0, 2, 5_000)];
    model.flows[1].start = SimTime::from_ns(7_007);
    let spans: Vec<u64> = simulate(&model)
        .flows
        .iter()
        .map(|f| active_span(f).ps())
        .collect();
    // Two cables there and back, the last packet at the switch, two ACKs.
    let rest = 4_000_000 + 838_400 + 2 * 48_000;
    // All sixty packets; and the rest of the ninth of the other, then in turns with it.
    let (first, second) = (60 * 838_400, 9 * 838_400 - 7_007_000 + 9 * 838_400);
    assert_eq!(spans, [first + rest, second + rest]);
}

/// The flows whose packets leave host 0, in order.
fn order(model: &Model) -> Vec<u32> {
    let mut seen = Vec::new();
    run_tapped(
        model,
        &[0],
        &mut |event| match &event.frame {
            TapFrame::Packet(p) if p.kind == PacketKind::Data => {
                assert_eq!(event.direction, Direction::Out);
                seen.push(p.qp);
            }
            _ => {}
        },
        &mut |_| {},
    );
    seen
}

#[test]
fn who_is_held_back_keeps_its_place() {
    let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
    model.flows = vec![flow(0, 1, ENDLESS); 4];
    // One packet in the time of six.
    model.flows[1].pace = Some(BitRate::from_bps(100_000_000_000 / 6));
    until_us(&mut model, 500);
    let order = order(&model);
    let turns = || order.windows(3).filter(|w| w[1] == 1);
    assert!(turns().count() > 800);
    assert!(turns().all(|w| (w[0], w[2]) == (0, 2)), "{order:?}");
    let others: Vec<u32> = order.iter().copied().filter(|&qp| qp != 1).collect();
    assert!(others.windows(3).all(|w| w[0] != w[1] && w[0] != w[2]));
}

#[test]
fn places_are_in_the_order_of_creation() {
    let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
    model.flows = vec![flow(0, 1, ENDLESS); 3];
    // Made while the first packet is on the wire, the first of the list last.
    model.flows[0].start = SimTime::from_ns(20);
    model.flows[1].start = SimTime::from_ns(10);
    until_us(&mut model, 10);
    assert_eq!(order(&model)[..7], [2, 1, 0, 2, 1, 0, 2]);
}

#[test]
fn turns_of_a_class_or_of_the_port() {
    let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
    model.flows = vec![flow(0, 1, ENDLESS); 4];
    model.flows[2].data = Marking {
        priority: 2,
        dscp: 16,
        pcp: 2,
    };
    until_us(&mut model, 1_000);
    for (turns, parts) in [(Turns::Class, [6, 6, 2, 6]), (Turns::Port, [4; 4])] {
        model.nics[0].turns = turns;
        for (rate, part) in rates(&simulate(&model), 1_000).into_iter().zip(parts) {
            near(&format!("{turns:?}"), rate, 100_000_000_000 / part, 10_000);
        }
    }
    assert_eq!(order(&model)[..5], [0, 1, 2, 3, 0]);
}

/// Host 0 has two ports, of 25 and 100 Gb/s; both lead to host 1.
fn two_ports() -> Model {
    let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
    let mut second = model.links[0].clone();
    model.links[0].rate = BitRate::from_gbps(25);
    second.cable = Length(0);
    model.links.push(second);
    model
}

#[test]
fn a_pace_is_that_of_the_port_in_use() {
    let fault = |us, kind| Fault {
        at: SimTime::ZERO + SimDuration::from_us(us),
        kind,
    };
    for sport in 50_000..50_008 {
        let mut model = two_ports();
        let mut f = flow(0, 1, ENDLESS);
        (f.sport, f.transport, f.message_bytes) = (sport, Transport::Uc, 1 << 30);
        f.pace = Some(BitRate::from_gbps(40));
        model.flows = vec![f];
        model.faults = vec![
            fault(0, FaultKind::LinkDown(2)),
            fault(400, FaultKind::LinkUp(2)),
            fault(400, FaultKind::LinkDown(0)),
        ];
        until_us(&mut model, 400);
        let slow = simulate(&model).flows[0].data_packets;
        until_us(&mut model, 800);
        let fast = simulate(&model).flows[0].data_packets - slow;
        let rate = |packets| packets * WIRE * 8 * 10_000 / 4;
        near("first", rate(slow), 25_000_000_000, 3_000);
        near("then", rate(fast), 40_000_000_000, 3_000);
    }
}

#[test]
fn only_what_is_sent_is_charged() {
    // One queue pair of the class waits in RNR most of the time; its turns cost the class nothing.
    for (shaper, share) in [(Some(20), 20), (None, 50)] {
        let mut model = star(3, nic(PauseMode::Off), switch(PauseMode::Off));
        model.nics[0].port.scheduler.shapers[3] = shaper.map(BitRate::from_gbps);
        model.nics[0].port.scheduler.shaper_burst = Bytes(16 << 10);
        let mut waits = flow(0, 1, ENDLESS);
        (waits.op, waits.message_bytes) = (Op::Send, 1_024);
        waits.receives = Some(ReceiveQueue {
            posted: 1,
            repost: SimDuration::from_us(10),
        });
        let mut other = flow(0, 2, ENDLESS);
        other.data = Marking {
            priority: 2,
            dscp: 16,
            pcp: 2,
        };
        model.flows = vec![waits, flow(0, 2, ENDLESS), other];
        until_us(&mut model, 2_000);
        let results = simulate(&model);
        assert!(results.flows[0].counters.rnr_nak_retry_err > 100);
        let rates = rates(&results, 2_000);
        near("class", rates[0] + rates[1], share * 1_000_000_000, 4_000);
        near("other", rates[2], (100 - share) * 1_000_000_000, 4_000);
    }
}

#[test]
fn thousands_of_queue_pairs_move_to_another_port() {
    let mut model = two_ports();
    model.flows = (0..5_000)
        .map(|i| {
            let mut f = flow(0, 1, 1_500);
            f.sport = 49_152 + i;
            f
        })
        .collect();
    model.faults = vec![Fault {
        at: SimTime::from_ns(50_000),
        kind: FaultKind::LinkDown(2),
    }];
    model.nics[0].rc.retry_cnt = None;
    model.switches[0].buffer.size = Bytes(32 << 20);
    let results = simulate(&model);
    let done = |f: &&xoff_model::results::FlowResult| f.status == FlowStatus::Completed;
    assert_eq!(results.flows.iter().filter(done).count(), 5_000);
    // Those that were not sent at 100 Gb/s before took 25: that many packets, and no fewer.
    assert!(results.end > SimTime::from_ns(2_000_000), "{}", results.end);
}
