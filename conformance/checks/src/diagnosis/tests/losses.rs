//! Sentences about losses, failures and marks.

use super::*;

/// Two senders to one receiver.
fn incast(rest: &str, more: &str) -> Vec<String> {
    let flow = |src| (src, "h0", "2MB", more);
    found(&flows(3, rest, &[flow("h1"), flow("h2")]))
}

#[test]
fn tail_drops_say_whether_the_priority_is_lossless_there() {
    let small = "switch.default.buffer.size = \"500kB\"";
    let off = incast(small, "");
    says(
        &off,
        "tail-dropped, most at sw0>h0 (priority 3), where PFC is off; in all, go-back-N sent",
    );
    let other = incast(&format!("{small}\n{PFC}"), "priority = 5");
    says(&other, "(priority 5), where that priority is not lossless");
    let on = incast(&format!("{small}\n{PFC}"), "");
    does_not_say(&on, "tail-dropped");
    let large = incast("switch.default.buffer.size = \"32MB\"", "");
    does_not_say(&large, "tail-dropped");
}

#[test]
fn what_was_sent_again_is_named_by_the_recovery_of_those_who_did() {
    let small = "switch.default.buffer.size = \"500kB\"";
    let with = |recovery: &str| {
        incast(
            &format!("{small}\nnic.default.recovery = \"{recovery}\""),
            "",
        )
    };
    says(&with("selective"), "; in all, selective repeat sent");
    says(&with("go-back-n"), "; in all, go-back-N sent");
    let uc = incast(small, "transport = \"uc\"\nmessage = \"64KiB\"");
    says(&uc, "tail-dropped");
    does_not_say(&uc, "again");
}

#[test]
fn a_headroom_that_is_too_small_is_told_from_a_pause_that_nobody_obeys() {
    let half = shipped("headroom-too-small", "half");
    says(
        &half,
        "1,388 frames of a lossless class lost, most from h0 at sw0:0 (priority 3): more",
    );
    says(
        &half,
        "came after it had paused h0 than its headroom (41.74kB used) holds",
    );
    does_not_say(&half, "not obeyed");
    does_not_say(&shipped("headroom-too-small", "auto"), "lost");
    let deaf = "switch.default.pfc.mode = \"pfc\"\nswitch.default.buffer.size = \"600kB\"";
    let deaf = incast(deaf, "");
    says(&deaf, "pause is not obeyed: sw0 asked h1");
    says(&deaf, "but h1 has pause off; the same at 1 other port");
    says(&deaf, "does not obey its pause; in all");
    does_not_say(&deaf, "more came after");
    // One pool for all of it.
    let text = std::fs::read_to_string(format!(
        "{}/../../topologies/headroom-too-small.toml",
        env!("CARGO_MANIFEST_DIR")
    ));
    let pool = "xoff = \"100kB\"\nheadroom_pool = \"60kB\"";
    let plan = load(&text.unwrap().replace("xoff = \"100kB\"", pool));
    let pool = found_of(&plan.cases[0].model);
    says(&pool, "than the headroom pool of sw0 (60kB) holds");
}

#[test]
fn a_full_receive_buffer_says_what_became_of_its_pause() {
    let slow = |rest: &str| {
        let all = [("h1", "h0", "4MB", "")];
        found(&flows(
            2,
            &format!("nic.default.drain = \"20Gbps\"\n{rest}"),
            &all,
        ))
    };
    says(
        &slow(""),
        "lost for want of room in a receive buffer, most at h0 (priority 3)",
    );
    says(&slow(""), "it was full, and its PFC is off");
    let paused = slow(PFC);
    does_not_say(&paused, "receive buffer, most");
    let deaf = slow("nic.default.pfc.mode = \"pfc\"");
    says(&deaf, "it was full, and sw0 does not obey its pause");
    says(&deaf, "pause is not obeyed: h0 asked sw0");
}

#[test]
fn losses_on_links_are_told_one_by_one() {
    let with = |more: &str| found(&(flows(2, "", &[("h1", "h0", "2MB", "")]) + more));
    let loss = "[[fault]]\nkind = \"loss\"\nlink = \"h1:sw0\"\nat = \"0us\"\nloss = 0.01\n";
    let down = "[[fault]]\nkind = \"link-down\"\nlink = \"h0:sw0\"\nat = \"50us\"\n\
                until = \"60us\"\n";
    let rule = "[[rule]]\naction = \"drop\"\nclass = \"data\"\nnth = [3, 5]\nto = \"h0\"\n";
    let all = with(&format!("{loss}{down}{rule}"));
    says(&all, "lost or damaged on links, most noticed at sw0");
    says(
        &all,
        "lost with links that went down, most between sw0 and h0",
    );
    says(&all, "2 frames dropped by rules");
    let none = with("");
    does_not_say(&none, "link");
    does_not_say(&with(loss), "went down");
    does_not_say(&with(down), "damaged");
}

#[test]
fn flows_that_fail_or_do_not_finish_are_counted() {
    let dead = "[[fault]]\nkind = \"link-down\"\nlink = \"h0:sw0\"\nat = \"10us\"\n";
    let all = [("h1", "h0", "2MB", ""), ("h2", "h3", "2MB", "")];
    let failed = found(&(flows(4, "nic.default.timeout = 4", &all) + dead));
    says(&failed, "t0-0 failed (retry exceeded)");
    does_not_say(&failed, "more failed");
    let cut = found(&flows(4, "until = \"100us\"", &all));
    says(
        &cut,
        "2 of 2 flows not finished when the run ended at 100us",
    );
    let whole = found(&flows(4, "", &all));
    does_not_say(&whole, "not finished");
    does_not_say(&whole, "failed");
}

const ECN: &str = "switch.default.buffer.size = \"32MB\"\n\
                   switch.default.ecn = { kmin = \"50kB\", kmax = \"200kB\", pmax = 0.2 }";

#[test]
fn marks_matter_to_those_who_look_at_them() {
    let with = |cc: &str| incast(&format!("{ECN}\nnic.default.cc = \"{cc}\""), "");
    let dcqcn = with("dcqcn");
    says(&dcqcn, "most at sw0>h0;");
    says(&dcqcn, "told senders to slow down");
    says(
        &with("none"),
        "no flow has a congestion control that looks at marks",
    );
    for other in ["timely", "hpcc"] {
        does_not_say(&with(other), "ECN");
    }
    let deep = ECN.replace("50kB", "8MB").replace("200kB", "16MB");
    does_not_say(
        &incast(&format!("{deep}\nnic.default.cc = \"dcqcn\""), ""),
        "ECN",
    );
    // Marked, but the receiver keeps it to itself.
    let silent = format!("{ECN}\nnic.default.cc = \"dcqcn\"\nnic.default.cnp.mode = \"off\"");
    says(
        &incast(&silent, ""),
        "no CNP has told a sender to slow down",
    );
}

#[test]
fn where_nothing_is_proved_the_slowest_flow_is_told_with_what_is_known() {
    // Each waits for the other's ACKs on its way: DCQCN keeps the link from being full.
    let more = "cc = \"dcqcn\"";
    let slow = incast(&ECN.replace("pmax = 0.2", "pmax = 1.0"), more);
    let told = slow
        .iter()
        .find(|f| f.contains(" lost); on its path "))
        .unwrap();
    assert!(
        told.contains("the busiest link, sw0>h0, sent for"),
        "{slow:#?}"
    );
    assert!(told.contains("congestion notification"), "{slow:#?}");
    does_not_say(&slow, "contention");
    does_not_say(
        &incast("switch.default.buffer.size = \"32MB\"", ""),
        "on its path",
    );
}
