//! Loss, repetition, order.

use super::dsl::{MTU, QP_A, QP_B, Talk, find, forth};
use crate::report::{Cause, Recovery, Vantage};
use xoff_checks::rc::{RC_03, RC_14, RC_40};

#[test]
fn a_healthy_write() {
    let mut t = Talk::at(0);
    t.write(0xff_fffe, 4).ack(1).write(2, 2).ack(3);
    let o = t.end();
    let c = &o.connections[0];
    assert_eq!((c.a.qpn, c.b.qpn, c.vantage), (QP_A, QP_B, Vantage::AtA));
    assert_eq!(c.mtu, MTU);
    let d = forth(&o);
    assert_eq!((d.data_packets, d.retransmitted_packets), (6, 0));
    assert_eq!((d.messages, d.messages_completed, d.acks), (2, 2, 2));
    assert_eq!((d.new_bytes, d.delivered_bytes), (6 * 1024, 6 * 1024));
    assert_eq!(d.ack_latency_ns, Some([1000, 1000, 1000]));
    assert_eq!(d.message_runs.len(), 2);
    assert_eq!(d.completion_ns, Some([2000, 3000, 4000]));
    assert_eq!(d.window_max, 4);
    assert!(o.findings.is_empty(), "{:?}", o.findings);
    assert_eq!(o.flows.len(), 1);
    let bytes: u64 = o.flows[0].cells.iter().map(|c| c.new_bytes).sum();
    assert_eq!(bytes, 6 * 1024);
}

#[test]
fn go_back_n_at_the_sender() {
    let mut t = Talk::at(0);
    t.write(10, 8).nak(13);
    for i in 3..8 {
        t.part(10, 8, i);
    }
    t.ack(17).write(18, 2).ack(19);
    let o = t.end();
    let d = forth(&o);
    assert_eq!((d.data_packets, d.retransmitted_packets), (15, 5));
    assert_eq!(d.retransmitted_bytes, 5 * 1024);
    assert_eq!((d.naks, d.gaps, d.timeouts), (1, 0, 0));
    assert_eq!(d.delivered_bytes, 10 * 1024);
    assert_eq!(d.causes, [(Cause::Nak, 1)]);
    assert_eq!(d.recovery, Recovery::GoBackN);
    let e = &d.episodes[0];
    assert_eq!((e.psn, e.packets, e.trigger), (13, 5, Some(9)));
    assert_eq!(e.delay_ns, 6_000);
    assert_eq!(d.messages_completed, 2);
    assert_eq!(o.connections[0].directions[0].counters.packet_seq_err, 1);
}

#[test]
fn go_back_n_at_the_receiver() {
    let mut t = Talk::at(1);
    for i in [0, 1, 2, 4, 5, 6, 7] {
        t.part(10, 8, i);
    }
    t.nak(13);
    for i in 3..8 {
        t.part(10, 8, i);
    }
    t.ack(17);
    let o = t.end();
    let d = forth(&o);
    assert_eq!(o.connections[0].vantage, Vantage::AtB);
    assert_eq!((d.gaps, d.data_packets), (1, 12));
    assert_eq!(d.counters.out_of_sequence, 4);
    assert_eq!((d.delivered_bytes, d.new_bytes), (8 * 1024, 8 * 1024));
    assert_eq!((d.duplicates, d.retransmitted_packets), (0, 5));
    assert_eq!((d.messages, d.messages_completed), (1, 1));
}

#[test]
fn selective_repeat_at_both_ends() {
    let mut t = Talk::at(0);
    t.write(0, 8).nak(3).part(0, 8, 3).write(8, 4).ack(11);
    let o = t.end();
    let d = forth(&o);
    assert_eq!(
        (d.retransmitted_packets, d.recovery),
        (1, Recovery::Selective)
    );
    assert_eq!(d.causes, [(Cause::Nak, 1)]);

    let mut t = Talk::at(1);
    for i in [0, 1, 2, 4, 5, 6, 7] {
        t.part(0, 8, i);
    }
    t.nak(3).part(0, 8, 3).write(8, 4).ack(11);
    let o = t.end();
    let d = forth(&o);
    assert_eq!(d.counters.out_of_sequence, 4);
    assert_eq!((d.delivered_bytes, d.duplicates), (12 * 1024, 0));
}

#[test]
fn lost_tail_and_timeout() {
    let mut t = Talk::at(0);
    t.write(0, 4).wait(67_000_000).part(0, 4, 3).ack(3);
    let o = t.end();
    let d = forth(&o);
    assert_eq!((d.timeouts, d.retransmitted_packets), (1, 1));
    // The ACK for nothing: the timer started with the first packet.
    assert_eq!(
        d.causes,
        [(Cause::Spurious, 1)].map(|_| (Cause::Timeout, 1))
    );
    assert_eq!(d.episodes[0].delay_ns, 67_001_000);
    assert_eq!(d.counters.local_ack_timeout_err, 1);
}

#[test]
fn rnr_at_the_receiver_takes_back_what_was_refused() {
    let mut t = Talk::at(1);
    t.write(0, 2)
        .ack(1)
        .write(2, 4)
        .rnr(2)
        .wait(10_000)
        .write(2, 4)
        .ack(5);
    let o = t.end();
    let d = forth(&o);
    assert_eq!((d.rnr_naks, d.delivered_bytes), (1, 6 * 1024));
    assert_eq!(d.causes, [(Cause::Rnr, 1)]);
    assert_eq!(d.counters.out_of_sequence, 3);
    assert_eq!(d.duplicates, 0);
}

#[test]
fn acknowledged_packets_sent_again_are_spurious_and_duplicates() {
    let mut t = Talk::at(1);
    t.write(0, 4).ack(3).part(0, 4, 2).part(0, 4, 3).ack(3);
    let o = t.end();
    let d = forth(&o);
    assert_eq!(d.causes, [(Cause::Spurious, 1)]);
    assert_eq!((d.duplicates, d.counters.duplicate_request), (2, 2));
    assert_eq!(d.delivered_bytes, 4 * 1024);
}

#[test]
fn overtaken_packets_are_not_repeated() {
    let mut t = Talk::at(1);
    t.write(0, 2).ack(1);
    for i in [0, 2, 1, 3] {
        t.part(2, 4, i);
    }
    t.ack(5);
    let o = t.end();
    let d = forth(&o);
    assert_eq!((d.gaps, d.retransmitted_packets), (0, 0));
    assert_eq!(d.data_packets, 6);
}

#[test]
fn go_back_0_restarts_the_message() {
    let mut t = Talk::at(1);
    for i in [0, 1, 2, 4] {
        t.part(0, 6, i);
    }
    t.nak(0).write(0, 6).ack(5);
    let o = t.end();
    let d = forth(&o);
    assert_eq!(
        (d.recovery, d.delivered_bytes),
        (Recovery::GoBack0, 6 * 1024)
    );
    assert_eq!((d.counters.out_of_sequence, d.duplicates), (1, 0));
}

#[test]
fn reads_restart_after_a_gap_and_after_silence() {
    let mut t = Talk::at(0);
    t.read(100, 4 * MTU);
    for i in [0, 2, 3] {
        t.response(100, 4, i);
    }
    t.read(101, 3 * MTU);
    for i in 0..3 {
        t.response(101, 3, i);
    }
    t.read(104, 2 * MTU).response(104, 2, 0).wait(1_000_000);
    t.read(105, MTU).response(105, 1, 0);
    let o = t.end();
    let d = forth(&o);
    assert_eq!((d.read_requests, d.read_restarts), (4, 2));
    assert_eq!(d.causes, [(Cause::Timeout, 1), (Cause::ImpliedNak, 1)]);
    assert_eq!(d.counters.implied_nak_seq_err, 1);
    assert_eq!(d.counters.out_of_sequence, 2);
    assert_eq!((d.data_packets, d.delivered_bytes), (8, 6 * 1024));
    assert_eq!((d.messages, d.messages_completed), (2, 2));
}

#[test]
fn unreliable_messages_are_spoilt_by_a_gap() {
    let mut t = Talk::at(1);
    for (i, opcode) in [(0, 0x26), (1, 0x27), (3, 0x28), (4, 0x26), (5, 0x28)] {
        t.send(0, opcode, i, MTU, |_| ());
    }
    t.cnp();
    let o = t.end();
    let d = forth(&o);
    assert_eq!((d.gaps, d.delivered_bytes), (1, 2 * 1024));
    assert_eq!((d.counters.out_of_sequence, d.cnps), (1, 1));
    assert_eq!(o.connections[0].a.qpn, QP_A);
}

#[test]
fn datagrams_and_their_queue_pairs() {
    let mut t = Talk::at(1);
    t.datagram(5, 100).datagram(9, 200);
    let o = t.end();
    let d = forth(&o);
    assert_eq!((d.data_packets, d.delivered_bytes, d.gaps), (2, 300, 0));
    assert_eq!(
        (o.connections[0].a.qpn, o.connections[0].b.qpn),
        (QP_A, QP_B)
    );
}

#[test]
fn both_ends_of_one_capture_share_the_figures() {
    let mut t = Talk::at(0);
    t.tap(1, 1);
    for side in [0, 1] {
        t.tap(side, side as usize);
        t.write(0, 4);
        t.ack(3);
    }
    let o = t.end();
    assert_eq!(o.connections.len(), 2);
    let [x, y] = [&o.connections[0], &o.connections[1]];
    assert_eq!(
        (x.speaks_for_sender, x.speaks_for_receiver),
        ([true, false], [false; 2])
    );
    assert_eq!(
        (y.speaks_for_sender, y.speaks_for_receiver),
        ([false; 2], [true, false])
    );
}

#[test]
fn bad_icrc_changes_nothing_but_its_count() {
    let mut t = Talk::at(1);
    t.part(0, 3, 0);
    t.icrc = xoff_wire::roce::Icrc::Invalid {
        found: 1,
        computed: 2,
    };
    t.part(0, 3, 1);
    t.icrc = xoff_wire::roce::Icrc::Valid;
    t.part(0, 3, 2).nak(1).part(0, 3, 1).part(0, 3, 2).ack(2);
    let o = t.end();
    let d = forth(&o);
    assert_eq!((d.bad_icrc, d.data_packets, d.gaps), (1, 4, 1));
    assert_eq!(d.counters.rx_icrc_encapsulated, 1);
    assert_eq!(d.delivered_bytes, 3 * 1024);
}

#[test]
fn one_sided_captures_leave_the_other_number_unknown() {
    let mut t = Talk::at(0);
    t.write(0, 4);
    let o = t.end();
    assert_eq!((o.connections[0].a.qpn, o.connections[0].b.qpn), (0, QP_B));

    let mut t = Talk::at(0);
    t.ack(3).ack(7).nak(9);
    let o = t.end();
    let c = &o.connections[0];
    assert_eq!((c.a.qpn, c.b.qpn), (QP_A, 0));
    assert_eq!((c.directions[0].acks, c.directions[0].naks), (2, 1));
}

#[test]
fn numbers_used_again_start_a_new_sequence() {
    let mut t = Talk::at(0);
    t.write(0, 4).ack(3).write(0x60_0000, 4).ack(0x60_0003);
    let o = t.end();
    let d = forth(&o);
    assert_eq!(
        (d.gaps, d.retransmitted_packets, d.messages_completed),
        (0, 0, 2)
    );
}

/// A packet that is lost before this point while it is repeated is not left out by the sender.
#[test]
fn loss_of_a_repeated_packet_is_not_selective_repeat() {
    let mut t = Talk::at(1);
    for i in [0, 2, 3, 4, 5, 6, 7] {
        t.part(0, 8, i);
    }
    t.nak(1);
    for i in [1, 2, 3, 5, 6, 7] {
        t.part(0, 8, i);
    }
    t.nak(4);
    for i in 4..8 {
        t.part(0, 8, i);
    }
    t.ack(7).write(8, 2).ack(9);
    let o = t.end();
    let d = forth(&o);
    assert_eq!(d.recovery, Recovery::GoBackN);
    assert_eq!((d.messages, d.messages_completed), (2, 2));
    assert_eq!(d.causes, [(Cause::Nak, 2)]);
    assert_eq!(d.delivered_bytes, 10 * 1024);
}

#[test]
fn messages_beyond_a_gap_are_counted_when_the_receiver_keeps_them() {
    let mut t = Talk::at(1);
    t.write(0, 1).write(2, 1).write(3, 1).write(4, 1).nak(1);
    t.write(1, 1).ack(4).write(5, 1).ack(5);
    let o = t.end();
    let d = forth(&o);
    assert_eq!((d.messages, d.messages_completed), (6, 6));
}

/// Copied by the network while more is outstanding: no timeout.
#[test]
fn a_copy_is_no_timeout() {
    let mut t = Talk::at(1);
    t.part(0, 4, 0).part(0, 4, 1).wait(40_000).part(0, 4, 1);
    t.part(0, 4, 2).part(0, 4, 3).ack(3);
    let o = t.end();
    let d = forth(&o);
    assert_eq!((d.timeouts, d.retransmitted_packets), (0, 0));
    assert_eq!((d.duplicates, d.messages_completed), (1, 1));
    assert_eq!(find(&o, &RC_14).map(|f| f.count), Some(1));
}

/// A NAK that crosses the packet it asks for, which was late and not lost.
#[test]
fn a_nak_for_an_overtaken_packet_takes_nothing_back() {
    let mut t = Talk::at(1);
    t.part(0, 8, 0)
        .part(0, 8, 2)
        .part(0, 8, 1)
        .wait(50_000)
        .nak(1);
    for i in 1..8 {
        t.part(0, 8, i);
    }
    t.ack(7);
    let o = t.end();
    let d = forth(&o);
    assert_eq!((d.duplicates, d.counters.out_of_sequence), (1, 1));
    assert_eq!(d.delivered_bytes, 8 * 1024);
}

#[test]
fn a_lost_ack_leaves_duplicates_only() {
    let mut t = Talk::at(1);
    t.write(0, 4).wait(67_000_000).part(0, 4, 0).ack(3);
    for i in 1..4 {
        t.part(0, 4, i).ack(3);
    }
    let o = t.end();
    let d = forth(&o);
    assert_eq!((d.timeouts, d.duplicates), (1, 4));
    assert_eq!(d.counters.out_of_sequence, 0);
    assert_eq!(d.delivered_bytes, 4 * 1024);
}

/// A READ request is lost, and a NAK asks for it.
#[test]
fn a_lost_read_request_is_sent_again_after_a_nak() {
    let mut t = Talk::at(1);
    t.read(0, 2 * MTU).response(0, 2, 0).response(0, 2, 1);
    t.read(4, 2 * MTU).nak(2).wait(300_000);
    for psn in [2, 4] {
        t.read(psn, 2 * MTU);
    }
    for psn in [2, 4] {
        t.response(psn, 2, 0).response(psn, 2, 1);
    }
    let o = t.end();
    let d = &o.connections[0].directions[0];
    let all = &o.connections[0].directions;
    let d = if d.read_requests > 0 { d } else { &all[1] };
    assert_eq!((d.causes.clone(), d.timeouts), (vec![(Cause::Nak, 1)], 0));
    assert_eq!((d.messages, d.delivered_bytes), (3, 6 * 1024));
}

/// The wait of an RNR NAK is not the sender's slowness after the NAK that follows.
#[test]
fn a_nak_after_an_rnr_nak_is_part_of_it() {
    let mut t = Talk::at(1);
    t.write(0, 1).rnr(0).write(1, 1).nak(0).wait(20_000);
    t.write(0, 1).write(1, 1).ack(1);
    let o = t.end();
    let d = forth(&o);
    assert_eq!(d.causes, [(Cause::Rnr, 1)]);
    assert!(find(&o, &RC_03).is_none() && find(&o, &RC_40).is_none());
}

#[test]
fn sequences_may_each_begin_below_the_one_before() {
    let mut t = Talk::at(0);
    let mut psn = 5;
    for _ in 0..2_000 {
        t.write(psn, 2).ack(psn + 1);
        psn = xoff_wire::psn::sub(psn, 0x70_0000);
    }
    let o = t.end();
    let d = forth(&o);
    assert_eq!((d.data_packets, d.messages), (4_000, 2_000));
    assert_eq!((d.gaps, d.retransmitted_packets), (0, 0));
    assert_eq!(d.delivered_bytes, 4_000 * 1024);
}
