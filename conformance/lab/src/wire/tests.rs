use super::*;
use crate::rundir::RunDir;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketType, connect, recv, send, socket,
};
use std::thread;
use xoff_model::rules::inject::{Inject, Made};
use xoff_model::rules::{Action, Choice, Class, Filter};
use xoff_wire::mac_control;

/// A wire with hosts 10, 11 and 12, and a guest at each.
struct Net {
    guests: Vec<OwnedFd>,
    stop: OwnedFd,
    wire: thread::JoinHandle<Result<WireReport, LabError>>,
    dir: RunDir,
    parent: PathBuf,
}

fn mac(index: usize) -> Mac {
    Mac([2, 0, 0, 0, 0, index as u8 + 1])
}

fn hosts(dir: &RunDir) -> Vec<Attachment> {
    (0..3)
        .map(|i| Attachment {
            name: format!("h{i}"),
            node: 10 + i as u32,
            host: i,
            network: 0,
            mac: mac(i),
            socket: dir.path().join(format!("{i}.wire")),
        })
        .collect()
}

fn net(name: &str, rules: &[Rule]) -> Net {
    let parent = std::env::temp_dir().join(format!("xoff-{name}-{}", std::process::id()));
    let dir = RunDir::create(&parent, "run-").unwrap();
    let hosts = hosts(&dir);
    let wire = Wire::open(&hosts, rules, 1, Some(&dir.path().join("a.pcapng"))).unwrap();
    let guest = |host: &Attachment| {
        let fd = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
        connect(&fd, &SocketAddrUnix::new(&host.socket).unwrap()).unwrap();
        fd
    };
    let guests = hosts.iter().map(guest).collect();
    let (theirs, stop) = std::io::pipe().unwrap();
    let theirs = OwnedFd::from(theirs);
    let wire = thread::spawn(move || wire.run(&theirs));
    Net {
        guests,
        stop: stop.into(),
        wire,
        dir,
        parent,
    }
}

impl Net {
    fn send(&self, from: usize, dst: Mac, id: u8) {
        let mut frame = vec![0; 60];
        frame[..6].copy_from_slice(&dst.0);
        frame[6..12].copy_from_slice(&mac(from).0);
        frame[12..14].copy_from_slice(&0x88b5u16.to_be_bytes());
        frame[14] = id;
        send(&self.guests[from], &frame, SendFlags::empty()).unwrap();
    }

    fn take(&self, at: usize) -> u8 {
        let mut buffer = [0; 128];
        let (_, len) = recv(&self.guests[at], &mut buffer[..], RecvFlags::empty()).unwrap();
        assert_eq!(len, 60);
        buffer[14]
    }

    fn is_silent(&self, at: usize) -> bool {
        recv(&self.guests[at], &mut [0; 128][..], RecvFlags::DONTWAIT).is_err()
    }

    fn stop(self) -> WireReport {
        drop(self.stop);
        let report = self.wire.join().unwrap().unwrap();
        drop(self.dir);
        std::fs::remove_dir_all(self.parent).unwrap();
        report
    }
}

fn rule(action: Action, nth: u64) -> Rule {
    Rule {
        name: "r".to_owned(),
        filter: Filter {
            from: Some(10),
            to: Some(11),
            ..Filter::default()
        },
        choice: Choice {
            nth: vec![nth],
            ..Choice::default()
        },
        stack: false,
        action,
    }
}

#[test]
fn frames_go_where_they_are_meant_to() {
    let net = net("wire", &[]);
    net.send(0, mac(1), 1);
    assert_eq!(net.take(1), 1);
    net.send(1, Mac([0xff; 6]), 2);
    assert_eq!((net.take(0), net.take(2)), (2, 2));
    // Bridges keep what is addressed to them.
    net.send(0, Mac([1, 0x80, 0xc2, 0, 0, 1]), 3);
    net.send(0, mac(2), 4);
    assert_eq!(net.take(2), 4);
    assert!(net.is_silent(0) && net.is_silent(1));
    let path = net.dir.path().join("a.pcapng");
    assert!(!path.exists(), "the capture appears when it is complete");
    let report = net.stop();
    assert_eq!((report.received, report.forwarded), (vec![3, 1, 0], 4));
}

#[test]
fn rules_are_obeyed_and_counted() {
    let rules = [
        rule(Action::Drop, 2),
        rule(Action::Duplicate { copies: 1 }, 2),
        rule(Action::Reorder { by: 1 }, 3),
        Rule {
            filter: Filter {
                from: Some(12),
                ..Filter::default()
            },
            ..rule(Action::Drop, 1)
        },
    ];
    let net = net("wire-rules", &rules);
    for id in 1..=6 {
        net.send(0, mac(1), id);
    }
    // 2 is lost; of the rest the second comes twice, and the third after its successor.
    let got: Vec<u8> = (0..6).map(|_| net.take(1)).collect();
    assert_eq!(got, [1, 3, 3, 5, 4, 6]);
    let report = net.stop();
    let counts: Vec<_> = report
        .rules
        .iter()
        .map(|r| (r.matched, r.applied))
        .collect();
    assert_eq!(counts, [(6, 1), (5, 1), (5, 1), (0, 0)]);
}

#[test]
fn a_guest_that_takes_nothing_loses_nothing() {
    let net = net("wire-slow", &[]);
    let count = 3 * HIGH_WATER as u32;
    thread::scope(|scope| {
        scope.spawn(|| (0..count).for_each(|i| net.send(0, mac(1), i as u8)));
        thread::sleep(Duration::from_millis(200));
        (0..count).for_each(|i| assert_eq!(net.take(1), i as u8));
    });
    let report = net.stop();
    assert_eq!((report.forwarded, report.overflowed), (u64::from(count), 0));
}

/// What the switch asks hosts for passes the rules; what rules make for a host passes the switch by.
#[test]
fn pauses_for_hosts_meet_rules_and_no_switch() {
    let parent = std::env::temp_dir().join(format!("xoff-direct-{}", std::process::id()));
    let dir = RunDir::create(&parent, "run-").unwrap();
    let lost = Rule {
        filter: Filter {
            classes: vec![Class::Pfc],
            ..Filter::default()
        },
        ..rule(Action::Drop, 1)
    };
    let made = Made::Pause { quanta: 9 };
    let inject = Inject {
        frame: made,
        before: false,
    };
    let rules = [lost, rule(Action::Inject(inject), 1)];
    let mut wire = Wire::open(&hosts(&dir), &rules, 1, None).unwrap();
    let guest = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
    let address = dir.path().join("1.wire");
    connect(&guest, &SocketAddrUnix::new(&address).unwrap()).unwrap();
    let pause = || Release {
        from: 1,
        to: Some(1),
        direct: true,
        frame: mac_control::Repr::Pause { quanta: 1 }
            .frame(mac(9))
            .to_vec(),
    };
    wire.leave(pause()).unwrap();
    wire.leave(pause()).unwrap();
    assert_eq!(wire.forwarded, 1);
    let mut frame = vec![0; 60];
    frame[..6].copy_from_slice(&mac(1).0);
    let way = wire.way(0, &frame);
    let now = Instant::now();
    let passed = wire.between.pass(frame, way, SimDuration::ZERO, now);
    let direct: Vec<_> = passed.iter().map(|r| (r.to, r.direct)).collect();
    assert_eq!(direct, [(Some(1), false), (Some(1), true)]);
    drop(dir);
    std::fs::remove_dir_all(parent).unwrap();
}
