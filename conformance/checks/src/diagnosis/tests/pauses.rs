//! Sentences about pause: who sent it, why, and who obeyed.

use super::*;

const BOTH: [(&str, &str, &str, &str); 2] = [("h1", "h0", "4MB", ""), ("h2", "h3", "4MB", "")];

#[test]
fn a_slow_receiver_is_told_from_a_storm() {
    let nics = "[[assign]]\nnodes = \"h0\"\nprofile = \"slow\"\n";
    let slow = |drain: &str| {
        let rest = format!("{PFC}\nnic.slow.drain = \"{drain}\"\nnic.slow.pfc.mode = \"pfc\"");
        found(&(flows(4, &rest, &BOTH) + nics))
    };
    let held = slow("20Gbps");
    says(
        &held,
        "h0 takes frames more slowly than they come: its receive buffer held",
    );
    says(&held, "and it paused sw0");
    does_not_say(&held, "storm");
    does_not_say(&slow("200Gbps"), "slowly");
    let storm =
        "[[fault]]\nkind = \"pause-storm\"\nnode = \"h0\"\nat = \"10us\"\nuntil = \"1ms\"\n";
    let storm = found(&(flows(4, PFC, &BOTH) + storm));
    says(
        &storm,
        "h0 storms from 10us on, by a fault of the scenario: it paused sw0",
    );
    does_not_say(&storm, "slowly");
}

#[test]
fn a_host_that_throttles_is_told_from_one_that_storms() {
    let fault = "[[fault]]\nkind = \"periodic-pause\"\nnode = \"h0\"\nat = \"10us\"\n\
                 quanta = 1000\nperiod = \"20us\"\n";
    let text = flows(4, &format!("{PFC}\nuntil = \"1ms\""), &BOTH);
    let throttled = found(&(text.clone() + fault));
    says(
        &throttled,
        "h0 sends pause from 10us on, by a fault of the scenario: it paused sw0",
    );
    does_not_say(&throttled, "storms");
    does_not_say(&throttled, "slowly");
    does_not_say(&found(&text), "fault");
}

#[test]
fn pause_of_another_kind_is_not_obeyed() {
    let with = |nic: &str, switch: &str| {
        let rest = format!(
            "nic.default.drain = \"20Gbps\"\nnic.default.pfc.mode = \"{nic}\"\n\
             switch.default.pfc.mode = \"{switch}\""
        );
        found(&flows(4, &rest, &BOTH))
    };
    let mixed = with("802.3x", "pfc");
    says(&mixed, "pause is not obeyed: h0 asked sw0");
    says(
        &mixed,
        "but sw0 obeys PFC frames only, and these are 802.3x; the same at 1 other port",
    );
    does_not_say(&mixed, "slowly");
    says(
        &with("pfc", "802.3x"),
        "but sw0 obeys 802.3x frames only, and these are PFC",
    );
    for same in ["pfc", "802.3x"] {
        let same = with(same, same);
        does_not_say(&same, "not obeyed");
        says(&same, "h0 takes frames more slowly than they come");
    }
    let storm = "[[fault]]\nkind = \"pause-storm\"\nnode = \"h0\"\nat = \"10us\"\n";
    let deaf = found(&(flows(4, "", &BOTH) + storm));
    says(&deaf, "pause is not obeyed: h0 asked sw0");
    does_not_say(&deaf, "storms from");
}

#[test]
fn a_watchdog_says_what_it_did() {
    let with = |watchdog: &str, fault: &str| {
        let rest = format!("{PFC}\nuntil = \"3ms\"\n{watchdog}");
        found(&(flows(4, &rest, &BOTH) + fault))
    };
    let on = |action: &str| {
        format!(
            "switch.default.watchdog = {{ mode = \"on\", poll = \"100us\", detect = \"200us\", \
             restore = \"1ms\", action = \"{action}\" }}"
        )
    };
    let storm = "[[fault]]\nkind = \"pause-storm\"\nnode = \"h0\"\nat = \"10us\"\n";
    let drop = with(&on("drop"), storm);
    says(
        &drop,
        "the PFC watchdog found 1 storm, first at sw0:0 (priority 3) at",
    );
    says(&drop, ", and discarded ");
    let forward = with(&on("forward"), storm);
    says(&forward, ", and let the queue go");
    does_not_say(&forward, "discarded");
    does_not_say(&with(&on("drop"), ""), "watchdog");
    does_not_say(&with("", storm), "watchdog");
}

#[test]
fn the_host_that_was_paused_longest_is_named() {
    let all = [("h1", "h0", "4MB", ""), ("h2", "h0", "4MB", "")];
    let paused = found(&flows(3, PFC, &all));
    says(&paused, "of the run, the longest of 2 that were paused");
    does_not_say(&found(&flows(3, "", &all)), " paused ");
}
