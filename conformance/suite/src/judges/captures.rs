//! Judges on captures of the simulator that are made in other places than at both ends, or badly.

use super::{Means, cases};
use crate::arm::{sim, trace};
use crate::evidence::Frame;
use crate::experiment::model;
use crate::profile::Profile;
use crate::{Evidence, Facts, Judged};
use std::io::Cursor;
use xoff_checks::capture::{T_01, T_02};
use xoff_checks::catalogue::Check;
use xoff_checks::congestion::{CC_01, CC_02, CC_03, CC_04};
use xoff_checks::pause::{P_01, P_02};
use xoff_checks::wire::{W_01, W_05, W_07, W_08, W_12, W_13, W_15, W_16, W_17, W_18, W_19, W_20};
use xoff_model::rules::Class;
use xoff_trace::capture::read::Reader;
use xoff_trace::capture::write::Writer;
use xoff_trace::capture::{Direction, Interface, LinkType};
use xoff_wire::Mac;

fn observed(experiment: &str) -> Evidence {
    sim::observe(&model(experiment, "").unwrap()).unwrap()
}

/// What one frame of an experiment becomes in a capture: interface and direction.
type Place = fn(&Frame) -> Option<(u32, Direction)>;

const fn direction(out: bool) -> Direction {
    if out { Direction::Out } else { Direction::In }
}

const BOTH_ENDS: Place = |frame| Some((frame.host as u32, direction(frame.out)));
const SWITCH: Place = |frame| Some((frame.host as u32, direction(!frame.out)));
const FIRST_HOST: Place = |frame| (frame.host == 0).then_some((0, direction(frame.out)));
const SOMEWHERE: Place = |frame| (frame.host == 0).then_some((0, Direction::Unknown));

fn interfaces(snaplen: u32) -> [Interface; 2] {
    [(); 2].map(|()| Interface {
        snaplen,
        ..Interface::default()
    })
}

fn written(evidence: &Evidence, interfaces: &[Interface], place: Place) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), interfaces).unwrap();
    for frame in &evidence.frames {
        if let Some((interface, direction)) = place(frame) {
            writer
                .frame(frame.at_ns, interface, direction, &frame.bytes)
                .unwrap();
        }
    }
    writer.finish(0, 1).unwrap()
}

fn read(capture: Vec<u8>) -> Evidence {
    let reader = Reader::new(Box::new(Cursor::new(capture)), "a capture").unwrap();
    trace::read(reader).unwrap()
}

fn captured(evidence: &Evidence, place: Place) -> Evidence {
    read(written(evidence, &interfaces(0), place))
}

fn judge(check: &Check, evidence: &Evidence, profile: &str) -> Judged {
    let case = cases().find(|case| case.check == check).unwrap();
    let Means::Judge { judge, .. } = case.means else {
        panic!("{check:?} has no judge");
    };
    judge(&Facts::new(evidence).expecting(Profile::find(profile).unwrap().expect))
}

/// Stimuli and faults, or why there are none.
fn said(check: &Check, evidence: &Evidence, profile: &str) -> String {
    let judged = judge(check, evidence, profile);
    match (judged.faults.first(), judged.stimuli) {
        (Some(fault), _) => format!("fault: {}", fault.what),
        (None, 0) => format!("inconclusive: {}", judged.detail),
        (None, _) => "pass".to_owned(),
    }
}

fn class_of(frame: &Frame) -> Class {
    let evidence = Evidence {
        frames: vec![frame.clone()],
        ..Evidence::default()
    };
    Facts::new(&evidence).seen[0].class
}

const REMOTE: &str =
    "inconclusive: no capture at the port of the host that sends CNPs, with directions";

#[test]
fn queue_pairs_of_a_capture_are_learned() {
    let mut evidence = observed("marked");
    let whole = captured(&evidence, BOTH_ENDS);
    assert!(whole.remote.is_empty() && whole.flows.is_empty());
    for profile in ["sim", "e810", "generic"] {
        for id in [&CC_01, &CC_03] {
            assert_eq!(said(id, &whole, profile), "pass", "{id} {profile}");
        }
    }
    evidence
        .frames
        .retain(|frame| class_of(frame) != Class::Cnp);
    let silent = captured(&evidence, BOTH_ENDS);
    for profile in ["sim", "generic"] {
        let count = said(&CC_03, &silent, profile);
        assert!(count.contains("sends 0 CNPs"), "{count}");
        let none = said(&CC_01, &silent, profile);
        assert!(none.contains("no CNP to 10.0.0."), "{none}");
    }
}

#[test]
fn marks_are_demanded_only_where_they_would_show() {
    let evidence = observed("marked");
    // Data of the first host are marked only beyond its port, and the CNPs come back.
    let near = captured(&evidence, FIRST_HOST);
    assert_eq!(near.remote.len(), 1);
    assert_eq!(said(&CC_01, &near, "sim"), "pass");
    assert_eq!(said(&CC_03, &near, "sim"), "pass");
    assert_eq!(said(&W_15, &near, "sim"), "pass");
    let undirected = captured(&evidence, SOMEWHERE);
    assert_eq!(said(&CC_01, &undirected, "sim"), "pass");
    assert_eq!(said(&CC_03, &undirected, "sim"), REMOTE);
    // What only one way was captured of says nothing at all.
    let cnps = |frame: &Frame| frame.out && frame.host == 1 && class_of(frame) == Class::Cnp;
    let mut alone = evidence.clone();
    alone.frames.retain(|frame| cnps(frame));
    let alone = captured(&alone, |_| Some((0, Direction::Unknown)));
    assert_eq!(said(&CC_01, &alone, "sim"), REMOTE);
    // At its own port a host must have a reason.
    let mut unmarked = evidence;
    unmarked.frames.retain(|frame| cnps(frame));
    let unmarked = captured(&unmarked, |_| Some((0, Direction::Out)));
    let why = said(&CC_01, &unmarked, "sim");
    assert!(why.contains("without marked data from it"), "{why}");
}

#[test]
fn the_ports_of_a_switch_are_no_hosts() {
    let evidence = observed("marked");
    let seen = captured(&evidence, SWITCH);
    assert_eq!(seen.remote.len(), 2);
    assert_eq!(said(&CC_01, &seen, "sim"), "pass");
    assert_eq!(said(&CC_02, &seen, "sim"), "pass");
    // Each frame is there once at the port that it came in by, not again where it left.
    let sent = evidence.frames.iter().filter(|frame| frame.out).count();
    assert_eq!(seen.frames.iter().filter(|frame| frame.out).count(), sent);
    // One port alone is told by its own address.
    let mut port = interfaces(0);
    port[0].mac = Some(Mac([2, 0, 0, 0, 9, 9]));
    let first: Place = |frame| (frame.host == 0).then_some((0, direction(!frame.out)));
    let seen = read(written(&evidence, &port, first));
    assert_eq!(seen.remote.len(), 2);
    assert_eq!(said(&CC_01, &seen, "sim"), "pass");
}

/// Two adapters of one host, each with a peer of its own.
#[test]
fn two_ports_of_one_host_have_far_ends() {
    let mut writer = Writer::new(Vec::new(), &interfaces(0)).unwrap();
    for port in 0..2 {
        let frame = |src: u8, dst: u8| {
            let mut bytes = vec![0; 60];
            (bytes[5], bytes[11]) = (10 * port + dst, 10 * port + src);
            bytes
        };
        let id = u32::from(port);
        writer.frame(1, id, Direction::Out, &frame(1, 2)).unwrap();
        writer.frame(2, id, Direction::In, &frame(2, 1)).unwrap();
    }
    let evidence = read(writer.finish(0, 2).unwrap());
    let frames = evidence.frames.iter();
    let ends: Vec<(Option<u64>, usize, bool)> = frames.map(|f| (f.number, f.host, f.out)).collect();
    let expected = [
        (Some(1), 0, true),
        (Some(1), 1, false),
        (Some(2), 1, true),
        (Some(2), 0, false),
        (Some(3), 2, true),
        (Some(3), 3, false),
        (Some(4), 3, true),
        (Some(4), 2, false),
    ];
    assert_eq!(ends, expected);
    assert_eq!(evidence.remote.into_iter().collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn cut_frames_still_have_headers() {
    let cut = read(written(&observed("marked"), &interfaces(128), BOTH_ENDS));
    let why = said(&T_02, &cut, "sim");
    assert!(
        why.starts_with("fault: 128 bytes of a frame that has"),
        "{why}"
    );
    for id in [&CC_01, &CC_03, &CC_04] {
        let why = said(id, &cut, "sim");
        assert!(why.contains("frames are cut, such as frame"), "{id} {why}");
    }
    for id in [
        &W_05, &W_07, &W_08, &W_12, &W_13, &W_16, &W_17, &W_18, &T_01,
    ] {
        assert_eq!(said(id, &cut, "sim"), "pass", "{id}");
    }
    // Not even the transport header is left.
    let snapped = read(written(&observed("marked"), &interfaces(40), BOTH_ENDS));
    let why = said(&T_02, &snapped, "sim");
    assert!(
        why.starts_with("fault: 40 bytes of a frame that has"),
        "{why}"
    );
    assert_eq!(said(&W_17, &snapped, "sim"), "inconclusive: ");
}

#[test]
fn lost_frames_leave_questions_open() {
    let mut capture = written(&observed("marked"), &interfaces(0), BOTH_ENDS);
    // isb_ifdrop of 8 bytes, at the end of the last block.
    let option = [5, 0, 8, 0, 0, 0];
    let at = capture.windows(option.len()).rposition(|w| w == option);
    capture[at.unwrap() + 4..][..2].copy_from_slice(&777_u16.to_le_bytes());
    let lossy = read(capture);
    let lost = "777 frames were lost while they were captured";
    assert_eq!(said(&T_01, &lossy, "sim"), format!("fault: {lost}"));
    for id in [&CC_01, &CC_02, &CC_03, &CC_04, &W_12, &W_16] {
        let why = said(id, &lossy, "sim");
        assert_eq!(why, format!("inconclusive: {lost}"), "{id}");
    }
    assert_eq!(said(&W_20, &lossy, "sim"), "pass");
    assert!(said(&W_20, &lossy, "rxe").contains(lost));
}

#[test]
fn what_was_read_before_a_capture_breaks_off_is_judged() {
    let mut capture = written(&observed("marked"), &interfaces(0), BOTH_ENDS);
    capture.truncate(capture.len() / 2);
    let part = read(capture.clone());
    let why = said(&T_01, &part, "sim");
    assert!(why.starts_with("fault: the capture breaks off: "), "{why}");
    assert!(why.contains("the file ends inside"), "{why}");
    assert_eq!(said(&W_01, &part, "sim"), "pass");
    assert!(said(&CC_01, &part, "sim").starts_with("inconclusive: reading stopped"));
    // Without one frame there is nothing to go on with.
    capture.truncate(100);
    let reader = Reader::new(Box::new(Cursor::new(capture)), "a capture").unwrap();
    assert!(trace::read(reader).is_err());
}

/// The limit is no fault of the capture.
#[test]
fn too_many_frames_are_not_judged() {
    let mut evidence = captured(&observed("clean"), BOTH_ENDS);
    assert_eq!(said(&T_01, &evidence, "sim"), "pass");
    evidence.cut = true;
    let why = said(&T_01, &evidence, "sim");
    assert!(why.starts_with("inconclusive: frames after frame"), "{why}");
}

#[test]
fn packets_without_ethernet_headers_are_missed() {
    let evidence = observed("clean");
    let mut kinds = interfaces(0);
    kinds[0].link_type = LinkType::RawIp;
    let mut writer = Writer::new(Vec::new(), &kinds).unwrap();
    for frame in evidence.frames.iter().filter(|frame| frame.out) {
        writer
            .frame(frame.at_ns, 0, Direction::Unknown, &frame.bytes[14..])
            .unwrap();
    }
    let raw = read(writer.finish(0, 1).unwrap());
    assert!(raw.frames.is_empty());
    let why = said(&T_02, &raw, "sim");
    assert!(why.contains("packets have no Ethernet headers"), "{why}");
}

/// Frames have the numbers of the capture, whatever else it holds.
#[test]
fn faults_name_frames_of_the_capture() {
    let mut evidence = observed("clean");
    let runt = Frame {
        bytes: vec![0; 9],
        ..Frame::default()
    };
    evidence.frames.insert(0, runt);
    let icrc = evidence.frames[20].bytes.last_mut().unwrap();
    *icrc ^= 1;
    let seen = captured(&evidence, |_| Some((0, Direction::Unknown)));
    let judged = judge(&W_01, &seen, "generic");
    assert_eq!(judged.faults[0].frames, [21]);
}

#[test]
fn an_interval_that_is_not_known_is_not_judged() {
    let evidence = observed("marked");
    let why = "inconclusive: the profile gives no interval of CNPs";
    assert_eq!(said(&CC_02, &evidence, "generic"), why);
    assert_eq!(said(&CC_03, &evidence, "generic"), "pass");
}

#[test]
fn frames_may_have_an_fcs() {
    let mut evidence = observed("pfc-congestion");
    for frame in &mut evidence.frames {
        frame.bytes.extend([0; 4]);
    }
    for id in [&W_19, &P_01, &P_02] {
        assert_eq!(said(id, &evidence, "sim"), "pass", "{id}");
    }
    for frame in &mut evidence.frames {
        frame.bytes.push(0);
    }
    for id in [&W_19, &P_01] {
        assert!(said(id, &evidence, "sim").starts_with("fault"), "{id}");
    }
}

/// Times of other classes are to be ignored, and so is a vector that lists none.
#[test]
fn idle_times_are_no_fault() {
    let mut evidence = observed("pfc-congestion");
    let pauses = evidence.frames.iter_mut();
    for frame in pauses.filter(|frame| frame.bytes[12..14] == [0x88, 0x08]) {
        frame.bytes[17] = 0;
        frame.bytes[33] = 9;
    }
    assert_eq!(said(&P_02, &evidence, "sim"), "pass");
}
