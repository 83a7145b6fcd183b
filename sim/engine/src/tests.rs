//! End-to-end tests of the engine on small networks.

use super::run;
use xoff_model::results::{DropCause, FlowStatus, Results, Stop};
use xoff_model::testing::{active_span, flow, nic, star, switch};
use xoff_model::time::{SimDuration, SimTime};
use xoff_model::units::{BitRate, Bytes, Probability};
use xoff_model::*;

fn simulate(model: &Model) -> Results {
    run(model, &mut |_| {})
}

fn drops(results: &Results, cause: DropCause) -> u64 {
    results
        .ports
        .iter()
        .map(|p| p.drops[cause as usize].iter().sum::<u64>())
        .sum()
}

fn incast(senders: u32, bytes: u64, pfc: PauseMode) -> Model {
    let mut model = star(senders + 1, nic(pfc), switch(pfc));
    model.flows = (1..=senders).map(|h| flow(h, 0, bytes)).collect();
    model
}

#[test]
fn one_flow_takes_exactly_the_ideal_time() {
    let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
    model.framing = Framing::Fixed {
        data_overhead: 48,
        control_bytes: 60,
        pad_last: false,
    };
    model.nics[0].mtu = 1_000;
    model.flows = vec![flow(0, 1, 1_000_000)];
    let results = simulate(&model);
    let fct = active_span(&results.flows[0]);
    // 1000 packets of 83.84 ns, one more at the second hop, 4 us of cable, two ACKs of 4.8 ns.
    assert_eq!(fct.ps(), 1_001 * 83_840 + 4_000_000 + 2 * 4_800);
    assert_eq!(results.flows[0].ideal, fct);
    assert_eq!(results.flows[0].bytes_delivered, 1_000_000);
    assert_eq!(results.packet_hops, 4_000);
}

#[test]
fn a_run_ends_with_its_work_whatever_timers_are_left() {
    let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
    model.flows = vec![flow(0, 1, 1_000_000)];
    // The ACK timer would run out much later than this.
    model.until = Some(SimTime::from_ns(1_000_000));
    let results = simulate(&model);
    assert_eq!(results.stop, Stop::Idle);
    assert!(results.end < SimTime::from_ns(100_000), "{}", results.end);
}

#[test]
fn incast_with_pfc_loses_nothing_and_fills_the_link() {
    let model = incast(8, 4_000_000, PauseMode::Pfc);
    let results = simulate(&model);
    assert_eq!(results.stop, Stop::Idle);
    assert!(
        results
            .flows
            .iter()
            .all(|f| f.status == FlowStatus::Completed)
    );
    assert_eq!(
        results
            .ports
            .iter()
            .flat_map(|p| p.drops.iter().flatten())
            .sum::<u64>(),
        0
    );
    let paused: u64 = results.ports.iter().map(|p| p.priority[3].rx_pause).sum();
    assert!(paused > 0);
    let last = results.flows.iter().filter_map(|f| f.end).max().unwrap();
    // 8 x 4 MB in frames of 1024 + 66 + 20 bytes at 100 Gb/s take 2.775 ms.
    assert!(last < SimTime::from_ns(2_800_000), "{last}");
}

#[test]
fn incast_without_pfc_drops_and_goes_back() {
    let model = incast(8, 4_000_000, PauseMode::Off);
    let results = simulate(&model);
    assert!(drops(&results, DropCause::TailDrop) > 0);
    assert!(results.flows.iter().any(|f| f.retransmitted_packets > 0));
    assert!(results.flows.iter().any(|f| f.counters.packet_seq_err > 0));
}

#[test]
fn every_recovery_survives_random_loss() {
    for recovery in [Recovery::GoBackN, Recovery::GoBack0, Recovery::Selective] {
        for op in [Op::Write, Op::Send, Op::Read, Op::Atomic] {
            let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
            model.nics[0].rc.recovery = recovery;
            model.nics[0].rc.retry_cnt = None;
            for link in &mut model.links {
                link.loss = Probability::ratio(1, 200);
            }
            let mut f = flow(0, 1, 400_000);
            f.op = op;
            f.message_bytes = if op == Op::Atomic { 8 } else { 20_000 };
            f.bytes = if op == Op::Atomic { 8_000 } else { f.bytes };
            model.flows = vec![f];
            let results = simulate(&model);
            let flow = &results.flows[0];
            assert_eq!(
                flow.status,
                FlowStatus::Completed,
                "{recovery:?} {op:?} {flow:?}"
            );
            assert_eq!(flow.bytes_completed, model.flows[0].bytes);
            assert_eq!(
                flow.bytes_delivered, model.flows[0].bytes,
                "{recovery:?} {op:?}"
            );
            assert!(drops(&results, DropCause::LinkError) > 0);
        }
    }
}

#[test]
fn a_dead_peer_exhausts_the_retries() {
    let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
    model.links[1].loss = Probability::ONE;
    let mut f = flow(0, 1, 100_000);
    f.message_bytes = 10_000;
    model.flows = vec![f];
    let results = simulate(&model);
    let f = &results.flows[0];
    assert_eq!(f.status, FlowStatus::RetryExceeded);
    assert_eq!(f.counters.local_ack_timeout_err, 8);
    assert_eq!(f.messages_flushed, 10);
}

#[test]
fn a_slow_receiver_pauses_the_network() {
    let mut model = incast(1, 10_000_000, PauseMode::Pfc);
    model.nics[0].port.rx_drain = Some(BitRate::from_gbps(50));
    let results = simulate(&model);
    let f = &results.flows[0];
    assert_eq!(f.status, FlowStatus::Completed);
    assert_eq!(drops(&results, DropCause::RxBuffer), 0);
    let goodput = BitRate::mean_floor(f.bytes_delivered, active_span(f));
    assert!(
        goodput > BitRate::from_gbps(44) && goodput < BitRate::from_gbps(50),
        "{goodput}"
    );
}

#[test]
fn receives_that_run_out_cause_rnr_naks() {
    let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
    let mut f = flow(0, 1, 100_000);
    f.op = Op::Send;
    f.message_bytes = 1_000;
    f.receives = Some(ReceiveQueue {
        posted: 4,
        repost: SimDuration::from_us(20),
    });
    model.flows = vec![f];
    let results = simulate(&model);
    let f = &results.flows[0];
    assert_eq!(f.status, FlowStatus::Completed);
    assert!(f.counters.rnr_nak_retry_err > 0);
    assert_eq!(f.bytes_delivered, 100_000);
}

#[test]
fn unreliable_transports_deliver_what_arrives_and_say_nothing() {
    // What queue pairs do about losses is of no concern to them.
    for (transport, recovery) in [
        (Transport::Uc, Recovery::GoBackN),
        (Transport::Uc, Recovery::GoBack0),
        (Transport::Ud, Recovery::GoBackN),
        (Transport::Ud, Recovery::GoBack0),
    ] {
        let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
        model.nics[0].rc.recovery = recovery;
        model.links[1].loss = Probability::ratio(1, 50);
        let mut f = flow(0, 1, 1_024_000);
        f.transport = transport;
        f.message_bytes = if transport == Transport::Ud {
            1_024
        } else {
            10_240
        };
        f.op = Op::Send;
        model.flows = vec![f];
        let results = simulate(&model);
        let f = &results.flows[0];
        let lost = drops(&results, DropCause::LinkError);
        assert!(lost > 0);
        if transport == Transport::Ud {
            assert_eq!(f.bytes_delivered, 1_024_000 - lost * 1_024);
        } else {
            assert!(f.bytes_delivered < 1_024_000 - lost * 1_024);
            assert_eq!(f.bytes_delivered % 10_240, 0);
        }
        assert_eq!(f.retransmitted_packets, 0);
    }
}

#[test]
fn same_seed_same_result_and_another_seed_another() {
    let mut model = incast(4, 2_000_000, PauseMode::Off);
    let text = |m: &Model| format!("{:?}", simulate(m));
    let first = text(&model);
    assert!(first == text(&model));
    model.seed = 2;
    assert!(first != text(&model));
}

#[test]
fn symmetric_senders_share_the_loss() {
    let mut model = incast(2, 60_000_000, PauseMode::Off);
    model.switches[0].buffer.size = Bytes(200_000);
    for f in &mut model.flows {
        f.transport = Transport::Ud;
        f.op = Op::Send;
        f.message_bytes = 1_024;
    }
    let results = simulate(&model);
    let lost: Vec<u64> = results
        .flows
        .iter()
        .map(|f| 60_000_000 - f.bytes_delivered)
        .collect();
    let share = lost[0] as f64 / (lost[0] + lost[1]) as f64;
    assert!((share - 0.5).abs() < 0.005, "{lost:?}");
}

#[test]
fn pause_lasts_its_quanta() {
    // A storm of one frame: no refresh, since the fault ends before half of the pause time.
    let mut model = incast(1, 10_000_000, PauseMode::Pfc);
    model.nics[0].port.pfc.quanta = Some(1_000);
    model.faults = vec![Fault {
        at: SimTime::from_ns(20_000),
        kind: FaultKind::PauseStormStart {
            node: 1,
            mask: 1 << 3,
        },
    }];
    model.until = Some(SimTime::from_ns(24_000));
    let results = simulate(&model);
    let paused = results
        .ports
        .iter()
        .map(|p| p.priority[3].rx_pause_duration)
        .max()
        .unwrap();
    assert!(paused.ps() > 0);
}

#[test]
fn a_flow_uses_the_ports_that_it_names() {
    let mut model = star(2, nic(PauseMode::Off), switch(PauseMode::Off));
    let parallel = model.links.clone();
    model.links.extend(parallel);
    let mut f = flow(0, 1, 1_024_000);
    (f.src_port, f.dst_port) = (Some(0), Some(1));
    model.flows = vec![f];
    let results = simulate(&model);
    let frames = |node, port| {
        let found = results
            .ports
            .iter()
            .find(|p| (p.node, p.port) == (node, port));
        found.map(|p| (p.tx_frames, p.rx_frames)).unwrap()
    };
    assert_eq!(frames(0, 0), (1_000, 1_000));
    assert_eq!(frames(1, 1), (1_000, 1_000));
    assert_eq!((frames(0, 1), frames(1, 0)), ((0, 0), (0, 0)));
}
