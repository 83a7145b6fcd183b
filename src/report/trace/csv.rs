//! What a capture shows as tables for spreadsheets and plotting, units in the column names.

use super::super::csv::Csv;
use super::human::class_name;
use super::{
    Stream, Traced, cause_name, interface_name, recovery_name, service_name, streams, verdict,
};
use xoff_model::units::BitRate;
use xoff_trace::class::PauseClass;
use xoff_trace::report::{Service, TraceReport};

/// File names and contents. The timeline only if it was kept.
pub(crate) fn files(traced: &Traced) -> Vec<(&'static str, String)> {
    let report = &traced.report;
    let mut files = vec![
        ("connections.csv", connections(report)),
        ("episodes.csv", episodes(report)),
        ("pauses.csv", pauses(report)),
        ("findings.csv", findings(report)),
    ];
    if report.timeline.is_some() && !report.capture.timeless() {
        files.push(("timeline.csv", timeline(report)));
    }
    files
}

fn ends(csv: &mut Csv, s: &Stream<'_>) {
    for (address, qpn) in s.ends() {
        csv.text(&address.to_string()).number(u64::from(qpn));
    }
}

/// One row per direction that carried something.
fn connections(report: &TraceReport) -> String {
    let mut csv = Csv::new(
        "src,src_qpn,dst,dst_qpn,service,interface,dscp,pcp,vlan,mtu_bytes,first_data_ns,\
         last_data_ns,data_packets,new_bytes,delivered_bytes,goodput_bps,wire_bytes,\
         retransmitted_packets,retransmitted_bytes,missing_packets,acks,naks_sequence,naks_rnr,\
         naks_error,timeouts,read_requests,read_restarts,duplicate_requests,cnps,ce_marked,\
         bad_icrc,unverified_icrc,messages,messages_completed,completion_min_ns,\
         completion_mean_ns,completion_max_ns,ack_latency_min_ns,ack_latency_mean_ns,\
         ack_latency_max_ns,recovery",
    );
    let timed = !report.capture.timeless();
    for s in streams(report) {
        let (c, tx, rx) = (s.connection, s.sent, s.received);
        ends(&mut csv, &s);
        let service = match c.service {
            Service::Unknown => "",
            known => service_name(known),
        };
        csv.text(service).text(&interface_name(report, c.interface));
        csv.number(u64::from(tx.data.dscp))
            .maybe(tx.data.pcp.map(u64::from))
            .maybe(c.vlan.map(u64::from))
            .number(u64::from(c.mtu));
        csv.maybe(tx.first_data_ns.filter(|_| timed))
            .maybe(tx.last_data_ns.filter(|_| timed));
        csv.number(tx.data_packets)
            .number(tx.new_bytes)
            .number(s.delivered())
            .maybe(s.goodput().map(BitRate::bps));
        let errors = tx
            .error_naks
            .iter()
            .fold(0, |n: u64, e| n.saturating_add(*e));
        for n in [
            tx.wire_bytes,
            tx.retransmitted_packets,
            tx.retransmitted_bytes,
            rx.gaps,
            tx.acks,
            tx.naks,
            tx.rnr_naks,
            errors,
            tx.timeouts,
            tx.read_requests,
            tx.read_restarts,
            rx.duplicates,
            tx.cnps,
            rx.ce_marked,
            rx.bad_icrc,
            rx.unverified_icrc,
            tx.messages,
            tx.messages_completed,
        ] {
            csv.number(n);
        }
        for spread in [tx.completion_ns, tx.ack_latency_ns] {
            for n in 0..3 {
                csv.maybe(spread.filter(|_| timed).map(|of| of[n]));
            }
        }
        csv.text(recovery_name(tx.recovery).unwrap_or_default())
            .end();
    }
    csv.0
}

fn episodes(report: &TraceReport) -> String {
    let mut csv = Csv::new(
        "src,src_qpn,dst,dst_qpn,cause,at_ns,frame,trigger_frame,psn,packets,bytes,delay_ns",
    );
    let timed = !report.capture.timeless();
    for s in streams(report) {
        for e in &s.sent.episodes {
            ends(&mut csv, &s);
            csv.text(cause_name(e.cause))
                .maybe(Some(e.at_ns).filter(|_| timed))
                .number(e.frame)
                .maybe(e.trigger);
            csv.number(u64::from(e.psn))
                .number(e.packets)
                .number(e.bytes)
                .maybe(Some(e.delay_ns).filter(|_| timed))
                .end();
        }
    }
    csv.0
}

/// One row per port and priority that was named; `all` is an 802.3x pause.
fn pauses(report: &TraceReport) -> String {
    let mut csv = Csv::new(
        "interface,sender_mac,priority,pause_frames,resume_frames,paused_ns,longest_ns,\
         transitions,rate_bps,rate_inferred",
    );
    let timed = !report.capture.timeless();
    for port in &report.pauses {
        for class in port.classes() {
            let [pause, resume] = port.counts(class);
            let times = port.times(class);
            csv.text(&interface_name(report, port.interface))
                .text(&port.sender.to_string())
                .text(&class_name(class));
            csv.number(pause)
                .number(resume)
                .maybe(Some(times.paused_ns).filter(|_| timed))
                .maybe(Some(times.longest_ns).filter(|_| timed))
                .number(times.transitions);
            csv.maybe(port.rate)
                .number(u64::from(port.rate_inferred))
                .end();
        }
    }
    csv.0
}

fn findings(report: &TraceReport) -> String {
    let mut csv = Csv::new("id,verdict,subject,count,inconclusive,cause,cure,frames");
    for f in super::ranked(&report.findings) {
        let frames: Vec<String> = f.frames().iter().map(u64::to_string).collect();
        csv.text(f.check.id)
            .text(verdict(f))
            .text(&f.subject)
            .number(f.count)
            .text(f.inconclusive.as_deref().unwrap_or_default())
            .text(&f.cause)
            .text(&f.cure)
            .text(&frames.join(" "))
            .end();
    }
    csv.0
}

/// Long form: a row per step, object and quantity that is not zero.
fn timeline(report: &TraceReport) -> String {
    let mut csv = Csv::new("at_ns,object,quantity,value");
    let Some(data) = &report.timeline else {
        return csv.0;
    };
    let at = |step: usize| {
        let offset = data.step_ns.saturating_mul(step as u64);
        data.start_ns.saturating_add(offset)
    };
    let mut put = |at: u64, object: &str, quantity: &str, value: u64| {
        if value > 0 {
            csv.number(at)
                .text(object)
                .text(quantity)
                .number(value)
                .end();
        }
    };
    for s in streams(report) {
        let [(from, from_qp), (to, to_qp)] = s.ends();
        let object = format!("{from} {from_qp:#x} to {to} {to_qp:#x}");
        let of = (s.index, s.direction);
        let rows = data
            .flows
            .iter()
            .filter(|r| (r.connection, r.direction) == of);
        for (step, cell) in rows.flat_map(|row| row.cells.iter().enumerate()) {
            let at = at(step);
            put(at, &object, "new_bytes", cell.new_bytes);
            put(at, &object, "repeated_bytes", cell.repeated_bytes);
            put(at, &object, "psn_offset", cell.psn);
            put(at, &object, "naks", u64::from(cell.naks));
            put(at, &object, "timeouts", u64::from(cell.timeouts));
            put(at, &object, "cnps", u64::from(cell.cnps));
            put(at, &object, "ce_marked", u64::from(cell.ce));
        }
    }
    for row in &data.pauses {
        let Some(port) = report.pauses.get(row.port) else {
            continue;
        };
        let name = interface_name(report, port.interface);
        let class = match row.class {
            PauseClass::All => "all priorities".to_owned(),
            PauseClass::Priority(p) => format!("priority {p}"),
        };
        let object = format!("{name} {} {class}", port.sender);
        for (step, paused) in row.paused_ns.iter().enumerate() {
            put(at(step), &object, "paused_ns", *paused);
        }
    }
    csv.0
}

#[cfg(test)]
mod tests {
    use super::super::testing::traced;
    use super::*;

    #[test]
    fn tables_of_a_capture() {
        let mut all = String::new();
        for (name, text) in files(&traced()) {
            let columns = text.lines().next().unwrap().split(',').count();
            let odd = text
                .lines()
                .filter(|l| !l.contains('"') && l.split(',').count() != columns);
            assert_eq!(odd.count(), 0, "{name}");
            let start: Vec<&str> = text.lines().take(4).collect();
            all += &format!("{name}\n{}\n\n", start.join("\n"));
        }
        insta::assert_snapshot!(all);
    }
}
