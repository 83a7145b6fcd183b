use super::*;
use xoff_scenario::{Overrides, load};
use xoff_wire::ethernet;

/// Three hosts at 1 Gb/s: a frame of 1000 bytes takes about 8.2 us.
fn switch(more: &str) -> Switch {
    let text = format!(
        "[topology]\nkind = \"star\"\nhosts = 3\nrate = \"1Gbps\"\n\
         [simulation]\nframing = {{ vlan = true }}\n\
         [[rule]]\naction = \"drop\"\n[switch.default]\ntrust = \"pcp\"\n{more}"
    );
    let read = |_: &str| Err(String::new());
    let plan = load("t.toml", &text, &Overrides::default(), &read).unwrap();
    let model = &plan.cases[0].model;
    let hosts = crate::run::hosts(model).unwrap();
    Switch::new(model, &hosts).unwrap()
}

/// A frame of this length and priority.
fn frame(len: usize, pcp: u8) -> Vec<u8> {
    let mut frame = vec![0; len];
    let tag = ethernet::VlanTag {
        tpid: 0x8100,
        pcp,
        dei: false,
        vid: 1,
    };
    let header = ethernet::Repr {
        dst: Mac([2, 0, 0, 0, 0, 9]),
        src: Mac([2, 0, 0, 0, 0, 1]),
        outer: Some(tag),
        inner: None,
        ethertype: 0x88b5,
    };
    header.emit(&mut frame);
    frame
}

fn send(from: usize, to: usize, frame: Vec<u8>) -> Release {
    Release {
        from,
        to: Some(to),
        direct: false,
        frame,
    }
}

const US: u64 = 1_000_000;

fn pause(switch: &mut Switch, host: usize, enable: u16, quanta: u16, now: u64) {
    let repr = mac_control::Repr::Pfc {
        enable,
        quanta: [quanta; 8],
    };
    let frame = repr.frame(Mac([2, 0, 0, 0, 0, 1])).to_vec();
    let from = Release {
        from: host,
        to: None,
        direct: false,
        frame,
    };
    assert!(switch.receive(from, now).is_empty());
}

#[test]
fn frames_leave_at_the_rate_of_the_port() {
    let mut switch = switch("");
    // Two hosts send ten frames each to the third; on the cable each has 1024 bytes.
    let mut left = 0;
    for _ in 0..10 {
        for from in [0, 1] {
            left += switch.receive(send(from, 2, frame(1000, 0)), 0).len();
        }
    }
    let each = 8 * 1024 * 1000;
    // The host sends ahead of its rate, a little.
    assert!(!switch.may_send(0, 0) && switch.may_send(0, 10 * each));
    // The first is stored, then all are sent one after the other; the last came after ten.
    assert_eq!(left, 9);
    for n in left as u64 + 1..=20 {
        assert_eq!(switch.next(10 * each), Some((n + 1) * each));
        assert!(switch.advance((n + 1) * each - 1).is_empty());
        left += switch.advance((n + 1) * each).len();
        assert_eq!(left as u64, n);
        // The next one begins.
        assert!(switch.advance((n + 1) * each).is_empty());
    }
    assert_eq!(left, 20);
    let reports = switch.reports(0);
    assert_eq!((reports[2].sent, reports[2].tail_drops), (20, 0));
    assert_eq!(switch.pool.used, 0);
}

#[test]
fn a_full_buffer_drops_and_gives_back() {
    let mut switch = switch("buffer.size = \"20KB\"\npfc.mode = \"off\"\n");
    let mut left = 0;
    for _ in 0..100 {
        for from in [0, 1] {
            left += switch.receive(send(from, 2, frame(1000, 0)), 0).len();
        }
    }
    left += switch.advance(1_000_000 * US).len();
    let report = switch.reports(0)[2].clone();
    assert!(report.tail_drops > 50, "{report:?}");
    assert_eq!(report.sent, left as u64);
    assert_eq!(report.sent + report.tail_drops + report.headroom_drops, 200);
    assert!(report.peak_queue <= 20_000);
    assert_eq!(switch.pool.used, 0);
}

#[test]
fn a_host_pauses_one_priority() {
    let mut switch = switch("pfc.mode = \"pfc\"\n");
    // 100 quanta of 512 ns.
    pause(&mut switch, 2, 1 << 3, 100, 0);
    let begun = switch.ports[2].ingress_busy;
    let mut early = Vec::new();
    for pcp in [3, 0, 3] {
        early.extend(switch.receive(send(0, 2, frame(100, pcp)), begun));
    }
    let end = begun + 100 * 512 * 1000;
    early.extend(switch.advance(end));
    assert_eq!(early.len(), 1);
    assert_eq!(early[0].frame, frame(100, 0));
    assert_eq!(switch.advance(end + 5 * US).len(), 2);
    let report = &switch.reports(end)[2];
    assert_eq!((report.pauses_received, report.paused_us), (1, 51));
    // Zero time ends a pause.
    pause(&mut switch, 2, 1 << 3, 65_535, end + 5 * US);
    switch.receive(send(0, 2, frame(100, 3)), end + 5 * US);
    assert!(switch.advance(end + 100 * US).is_empty());
    pause(&mut switch, 2, 1 << 3, 0, end + 100 * US);
    assert_eq!(switch.advance(end + 110 * US).len(), 1);
    assert!((145..147).contains(&switch.reports(u64::MAX)[2].paused_us));
}

#[test]
fn a_lossless_class_stops_its_sender() {
    let lossless = "buffer.size = \"200KB\"\npfc.mode = \"pfc\"\npfc.priorities = [3]\n";
    let mut switch = switch(lossless);
    let mut now = 0;
    let mut pauses = Vec::new();
    let mut sent = [0u32; 2];
    let mut left = 0;
    while sent.iter().sum::<u32>() < 2000 {
        for from in [0, 1] {
            while switch.may_send(from, now) {
                let all = switch.receive(send(from, 2, frame(1000, 3)), now);
                sent[from] += 1;
                left += all.iter().filter(|r| r.to == Some(2)).count();
                pauses.extend(all.into_iter().filter(|r| r.to == Some(from)));
            }
        }
        let all = switch.advance(now);
        left += all.iter().filter(|r| r.to == Some(2)).count();
        pauses.extend(all.into_iter().filter(|r| r.to != Some(2)));
        now = switch.next(now).unwrap().max(now + 1);
    }
    left += switch
        .advance(now + 10_000_000 * US)
        .iter()
        .filter(|r| r.to == Some(2))
        .count();
    assert_eq!(left, sent.iter().sum::<u32>() as usize);
    let reports = switch.reports(now);
    assert_eq!((reports[2].tail_drops, reports[2].headroom_drops), (0, 0));
    assert!(reports[0].pauses_sent > 1 && reports[1].pauses_sent > 1);
    // What the host hears is that priority 3 stops, and then that it goes on.
    let times = |release: &Release| {
        let dissected = dissect(Link::Ethernet, &release.frame, 60);
        match dissected.body {
            Body::Pause(repr) => repr.times()[3],
            _ => panic!("no pause"),
        }
    };
    assert!(times(&pauses[0]).is_some_and(|quanta| quanta > 0));
    assert!(pauses.iter().any(|pause| times(pause) == Some(0)));
    assert!(switch.ports.iter().all(|port| !port.pauses()));
}

#[test]
fn hosts_on_two_switches_are_refused() {
    let text = "[topology]\nkind = \"dumbbell\"\nleft = 1\nright = 1\nrate = \"1Gbps\"\n\
                [[rule]]\naction = \"drop\"\n";
    let read = |_: &str| Err(String::new());
    let plan = load("t.toml", text, &Overrides::default(), &read).unwrap();
    let model = &plan.cases[0].model;
    let hosts = crate::run::hosts(model).unwrap();
    assert!(Switch::new(model, &hosts).is_err());
}
