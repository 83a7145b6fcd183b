//! Scenarios, good and bad.

use super::*;
use xoff_model::units::Bytes;

const STAR: &str = "[topology]\nkind = 'star'\nhosts = 4\n\
                    [[traffic]]\nkind = 'incast'\nbytes = '1MB'\n";

fn files(name: &str) -> Result<String, String> {
    match name {
        "flows.csv" => Ok("id,src,dst,bytes,start_ps\n1,1,0,100,0\n2,h2,h0,200,5\n".to_owned()),
        "bad.csv" => Ok("id,src,dst,bytes,start_ps\n1,1,0,100,0\n2,9,0,200,0\n".to_owned()),
        _ => Err("no such file".to_owned()),
    }
}

fn loaded(text: &str, sets: &[(&str, &str)]) -> Result<Plan, Vec<Diagnostic>> {
    let sets = sets
        .iter()
        .map(|(p, v)| (p.to_string(), v.to_string()))
        .collect();
    load(
        "dir/x.toml",
        text,
        &Overrides {
            sets,
            ..Overrides::default()
        },
        &files,
    )
}

fn model_of(text: &str) -> Model {
    loaded(text, &[])
        .unwrap_or_else(|e| panic!("{e:#?}\n{text}"))
        .cases
        .remove(0)
        .model
}

#[test]
fn a_small_scenario_has_sound_defaults() {
    let plan = loaded(STAR, &[]).unwrap();
    assert_eq!(
        (plan.name.as_str(), plan.title.as_str(), plan.hash.len()),
        ("x", "x", 16)
    );
    let m = &plan.cases[0].model;
    assert_eq!((m.nodes.len(), m.links.len(), m.flows.len()), (5, 4, 3));
    assert_eq!(m.until, Some(SimTime::from_ps(10_000_000_000_000)));
    assert_eq!(m.deadlock_scan, None);
    assert_eq!(m.nics[0].port.pfc.mode, PauseMode::Off);
    assert_eq!(m.nics[0].rc.timeout, SimDuration::from_ps(4_096_000 << 14));
    assert_eq!(m.nics[0].rc.rnr_retry, None);
    assert!(m.switches[0].port.pgs.iter().all(|pg| !pg.lossless));
    assert!(m.switches[0].port.ecn.iter().all(Option::is_none));
    assert_eq!(m.switches[0].port.dscp_to_priority[26], 3);
    assert_eq!(m.switches[0].port.scheduler.queues[6], QueueSched::Strict);
    let f = &m.flows[0];
    assert_eq!(
        (f.name.as_str(), f.group.as_str(), f.src, f.dst),
        ("incast-0", "incast", 1, 0)
    );
    assert_eq!(
        f.data,
        Marking {
            priority: 3,
            dscp: 26,
            pcp: 3
        }
    );
    assert_eq!(
        (f.ack, f.message_bytes, f.cc.clone()),
        (f.data, 1_000_000, CcSpec::None)
    );
}

#[test]
fn pfc_makes_groups_lossless() {
    let sets = [
        ("switch.default.pfc.mode", "pfc"),
        ("nic.default.pfc.mode", "pfc"),
    ];
    let plan = loaded(STAR, &sets).unwrap();
    let m = &plan.cases[0].model;
    let pgs = &m.switches[0].port.pgs;
    assert_eq!(
        pgs.map(|pg| pg.lossless),
        [false, false, false, true, false, false, false, false]
    );
    assert_eq!(pgs[3].headroom, Headroom::Auto);
    assert_eq!(pgs[3].limit, Limit::Dynamic { num: 1, den: 8 });
    assert_eq!(
        m.switches[0].port.pfc.response,
        xoff_model::headroom::response_time(BitRate::from_gbps(100))
    );
    assert_eq!(
        (m.nics[0].port.pfc.tx_mask, m.nics[0].port.pfc.rx_mask),
        (8, 8)
    );
    assert_eq!(m.deadlock_scan, Some(SimDuration::from_ms(1)));

    let m = loaded(STAR, &[("switch.default.pfc.mode", "802.3x")])
        .unwrap()
        .cases
        .remove(0)
        .model;
    assert!(m.switches[0].port.per_port && m.switches[0].port.pgs[0].lossless);
    assert_eq!(m.switches[0].port.pfc.tx_mask, 0xff);
}

#[test]
fn axes_multiply_and_select_expectations() {
    let text = format!(
        "{STAR}\n[[axis]]\nname = 'pfc'\n\
         [[axis.case]]\nlabel = 'off'\n\
         [[axis.case]]\nlabel = 'on'\nset = {{ 'switch.default.pfc.mode' = 'pfc', \
         nic.default.pfc.mode = 'pfc' }}\n\
         [[axis]]\nname = 'mtu'\npath = 'nic.default.mtu'\nvalues = [1024, 4096]\n\
         [[expect]]\ncheck = ['drops.lossless == 0']\nwhen = {{ pfc = 'on', mtu = [1024] }}\n\
         [[expect]]\ncheck = ['goodput.total > 1Gbps']\n\
         [[agree]]\nmetric = 'goodput.total'\nacross = 'mtu'\nwithin = '1%'\n\
         [report]\npivot = 'pfc'\n"
    );
    let plan = loaded(&text, &[]).unwrap();
    let labels: Vec<String> = plan
        .cases
        .iter()
        .map(|c| {
            c.labels
                .iter()
                .map(|(_, l)| l.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(labels, ["off 1024", "off 4096", "on 1024", "on 4096"]);
    let checks: Vec<usize> = plan.cases.iter().map(|c| c.expectations.len()).collect();
    assert_eq!(checks, [1, 1, 2, 1]);
    assert_eq!(plan.cases[2].expectations[0].line, 20);
    assert_eq!(plan.cases[2].model.nics[0].mtu, 1024);
    assert_eq!(plan.cases[2].model.nics[0].port.pfc.mode, PauseMode::Pfc);
    assert_eq!(plan.agreements[0].within_ppm, 10_000);
    assert_eq!(plan.report.pivot.as_deref(), Some("pfc"));

    let one = loaded(&text, &[("axis.mtu.values", "[512]")]).unwrap();
    assert_eq!(one.cases.len(), 2);
    assert_ne!(one.hash, plan.hash);
    let rival = loaded(&text, &[("nic.default.mtu", "512")]).unwrap_err();
    assert!(
        rival[0]
            .message
            .contains("axis `mtu` sets the same parameter"),
        "{rival:#?}"
    );
}

#[test]
fn every_traffic_kind_builds() {
    for (traffic, flows) in [
        ("kind = 'csv'\nfile = 'flows.csv'", 2),
        ("kind = 'incast'\nsenders = 2\nbytes = '1kB'\nqps = 3", 6),
        (
            "kind = 'incast'\nsenders = ['h0', 'h2']\nreceiver = 'h3'\nbytes = '1kB'",
            2,
        ),
        ("kind = 'permutation'\nbytes = '1kB'", 4),
        (
            "kind = 'permutation'\nbytes = '1kB'\nshift = 1\nhosts = ['h0', 'h1']",
            2,
        ),
        ("kind = 'all-to-all'\nbytes = '1kB'\nop = 'read'", 12),
        ("kind = 'ring-allreduce'\nbytes = '1MB'", 4),
        (
            "kind = 'flows'\nbytes = '1kB'\nflow = [{ src = 'h0', dst = 'h1', path = ['sw0'] }]",
            1,
        ),
    ] {
        let text = format!("[topology]\nkind = 'star'\nhosts = 4\n[[traffic]]\n{traffic}\n");
        assert_eq!(model_of(&text).flows.len(), flows, "{traffic}");
    }
    let text = "[topology]\nkind = 'star'\nhosts = 4\n[[traffic]]\nkind = 'poisson'\nload = 0.5\n\
                sizes = 'websearch'\nduration = '10ms'\n";
    assert!(model_of(text).flows.len() > 10);
}

#[test]
fn rings_depend_on_their_predecessors_in_every_round() {
    let text = "[topology]\nkind = 'star'\nhosts = 3\n\
                [[traffic]]\nkind = 'incast'\nbytes = '1kB'\n\
                [[traffic]]\nkind = 'ring-allreduce'\nbytes = '3kB'\nqps = 2\n";
    let flows = model_of(text).flows;
    let after: Vec<Option<FlowId>> = flows.iter().map(|f| f.after).collect();
    assert_eq!(
        after,
        [
            None,
            None,
            Some(4),
            Some(2),
            Some(3),
            Some(7),
            Some(5),
            Some(6)
        ]
    );
    assert_eq!(flows[2].message_bytes, 1_000);
}

#[test]
fn links_of_a_built_topology_can_change() {
    let text = format!("{STAR}[[link]]\na = 'h1'\nb = 'sw0'\nrate = '25Gbps'\nloss = '1%'\n");
    let m = model_of(&text);
    assert_eq!(m.links.len(), 4);
    assert_eq!(m.links[1].rate, BitRate::from_gbps(25));
    assert_eq!(m.links[0].rate, BitRate::from_gbps(100));
    // The slow port answers pause later.
    assert!(
        m.switches[0].port.pfc.response
            >= xoff_model::headroom::response_time(BitRate::from_gbps(100))
    );
}

#[test]
fn explicit_networks_have_profiles_and_faults() {
    let text = "node = [{ name = ['a', 'b'] }, { name = 's', role = 'switch', profile = 'deep' }]\n\
                link = [{ a = 'a', b = 's', count = 2 }, { a = 'b', b = 's' }]\n\
                assign = [{ nodes = 'a*', profile = 'fast' }]\n\
                [switch.deep]\nbuffer.size = '64MiB'\n[nic.fast]\ncc = 'dcqcn'\n\
                [[traffic]]\nkind = 'flows'\nflow = [{ src = 'a', dst = 'b', bytes = '1MB' }]\n\
                [[fault]]\nkind = 'link-down'\nlink = 'a:s#1'\nat = '1ms'\nuntil = '2ms'\n\
                [[fault]]\nkind = 'pause-storm'\nnode = 'b'\n";
    let m = model_of(text);
    assert_eq!(m.nodes[2].role, Role::Switch(1));
    assert_eq!(m.nodes[0].role, Role::Host(1));
    assert_eq!(m.switches[1].buffer.size, Bytes(64 << 20));
    assert!(matches!(m.flows[0].cc, CcSpec::Dcqcn(_)));
    let kinds: Vec<FaultKind> = m.faults.iter().map(|f| f.kind).collect();
    let storm = FaultKind::PauseStormStart { node: 1, mask: 8 };
    assert_eq!(kinds, [storm, FaultKind::LinkDown(1), FaultKind::LinkUp(1)]);
}

/// Text after [`STAR`], the words that a message must hold, and the line that it must point at.
const BAD: &[(&str, &str, usize)] = &[
    ("[simulaton]\nsample = '1us'", "unknown key `simulaton`", 7),
    ("[nic.default]\nmtuu = 4096", "unknown key `mtuu`", 8),
    ("[nic.default]\nmtu = 1500", "1500 is no MTU", 8),
    ("[nic.default]\nrx_buffer = 5", "missing unit", 8),
    ("[nic.default]\nrx_xoff = '9MB'", "above rx_buffer", 8),
    ("[nic.default]\ncc = 'swift'", "unknown value `swift`", 8),
    ("[nic.default]\nack_every = 0", "zero", 8),
    ("[nic.default]\nrnr_retry = 8", "rnr_retry", 8),
    ("[nic.default]\ntimeout = 32", "no timer code", 8),
    ("[nic.x]\ninherits = 'y'", "no profile `y`", 8),
    ("[switch.default]\nlatency = '5'", "missing unit", 8),
    (
        "[switch.default]\nlatency = '5parsec'",
        "unknown unit `parsec`",
        8,
    ),
    ("[switch.default.pfc]\npriorities = [8]", "priority 8", 8),
    ("[switch.default.ecn]\nkmin = '9MB'", "above kmax", 8),
    (
        "[switch.default.ets]\nshares = { '0' = 0 }",
        "never served",
        8,
    ),
    (
        "[switch.default.ets]\nshares = { '9' = 1 }",
        "`9` is no queue",
        8,
    ),
    (
        "[switch.default]\ndscp_to_priority = { '70' = 1 }",
        "`70` is no DSCP",
        8,
    ),
    (
        "[switch.default]\ndscp_to_priority = { '7' = 9 }",
        "priority 9",
        8,
    ),
    (
        "[switch.default.buffer]\nalpha = 1\nxoff = '1kB'",
        "both `alpha` and `xoff`",
        9,
    ),
    (
        "[switch.default]\npfc.mode = 'pfc'\nbuffer.size = '50kB'",
        "too small",
        9,
    ),
    (
        "[switch.default]\npfc.mode = 'pfc'\npriority_to_pg = { '0' = 3 }",
        "lossy priority 0",
        9,
    ),
    ("[[link]]\na = 'h0'\nb = 'h9'", "no node `h9`", 9),
    (
        "[[link]]\na = 'h0'\nb = 'sw0'\nrate = '0Gbps'",
        "rate of zero",
        10,
    ),
    (
        "[[link]]\na = 'h0'\nb = 'sw0'\nrate_b = '25Gbps'",
        "ends disagree",
        10,
    ),
    ("[[link]]\na = 'h0'\nb = 'h0'", "linked to itself", 9),
    ("[[node]]\nname = 'h0'", "two nodes are called `h0`", 8),
    ("[[node]]\nname = 'a b'", "is no name", 8),
    (
        "[[assign]]\nnodes = 'x*'\nprofile = 'default'",
        "no node matches",
        8,
    ),
    (
        "[[assign]]\nnodes = 'h*'\nprofile = 'quick'",
        "no nic profile `quick`",
        9,
    ),
    ("[[traffic]]\nkind = 'incast'", "needs `bytes`", 8),
    ("[[traffic]]\nbytes = '1MB'", "missing key `kind`", 7),
    (
        "[[traffic]]\nkind = 'incast'\nbytes = '0B'",
        "zero bytes",
        9,
    ),
    (
        "[[traffic]]\nkind = 'incast'\nbytes = '1B'\nload = 0.5",
        "no meaning",
        10,
    ),
    (
        "[[traffic]]\nkind = 'incast'\nbytes = '1B'\nsenders = 9",
        "9 senders",
        10,
    ),
    (
        "[[traffic]]\nkind = 'incast'\nbytes = '1B'\nsenders = ['h0']",
        "sends to itself",
        10,
    ),
    (
        "[[traffic]]\nkind = 'incast'\nbytes = '1B'\npriority = 8",
        "priority 8",
        10,
    ),
    (
        "[[traffic]]\nkind = 'incast'\nbytes = '1B'\ntransport = 'ud'",
        "lacks the operation",
        10,
    ),
    (
        "[[traffic]]\nkind = 'incast'\nbytes = '1B'\nfirst_psn = 16777216",
        "24 bits",
        10,
    ),
    (
        "[[traffic]]\nkind = 'incast'\nbytes = '1B'\nmessage = '0B'",
        "messages of 0B",
        10,
    ),
    (
        "[[traffic]]\nkind = 'incast'\nbytes = '1B'\nreceiver = 'sw0'",
        "is a switch",
        10,
    ),
    (
        "[[traffic]]\nkind = 'permutation'\nbytes = '1B'\nshift = 4",
        "to itself",
        10,
    ),
    (
        "[[traffic]]\nkind = 'csv'\nfile = 'none.csv'",
        "cannot read `none.csv`",
        9,
    ),
    (
        "[[traffic]]\nkind = 'poisson'\nload = 2\nsizes = 'hadoop'\nduration = '1ms'",
        "probability",
        9,
    ),
    (
        "[[traffic]]\nkind = 'poisson'\nload = 1\nsizes = 'x'\nduration = '1ms'",
        "distribution `x`",
        10,
    ),
    (
        "[[traffic]]\nkind='flows'\nbytes='1B'\nflow=[{src='h0',dst='h0'}]",
        "to itself",
        10,
    ),
    (
        "[[traffic]]\nkind='flows'\nflow=[{src='h0',dst='h1'}]",
        "missing key `bytes`",
        9,
    ),
    (
        "[[node]]\nname='x'\n[[traffic]]\nkind='incast'\nbytes='1B'\nreceiver='x'",
        "cannot reach",
        10,
    ),
    (
        "[[fault]]\nkind = 'link-down'\nlink = 'h0:h1'",
        "no link between",
        9,
    ),
    (
        "[[fault]]\nkind = 'link-down'\nlink = 'h0'",
        "not a link",
        9,
    ),
    ("[[fault]]\nkind = 'link-down'", "needs `link`", 8),
    (
        "[[fault]]\nkind='pause-storm'\nnode='h0'\nat='2ms'\nuntil='1ms'",
        "before it begins",
        11,
    ),
    ("[[axis]]\nname = 'a'", "has no cases", 8),
    ("[[axis]]\nname = 'a'\npath = 'seed'", "incomplete", 7),
    (
        "[[axis]]\nname='a'\npath='nic.default.mut'\nvalues=[1]",
        "unknown key `mut`",
        9,
    ),
    (
        "[[axis]]\nname='a'\npath='nic.default.mtu'\nvalues=[1024, 5]",
        "case a=5",
        10,
    ),
    (
        "[expect]\ncheck = ['goodput.total == 1Gbps']\nwhen = { x = '1' }",
        "no axis `x`",
        9,
    ),
    (
        "[[agree]]\nmetric = 'goodput.total'\nacross = 'x'",
        "no axis `x`",
        9,
    ),
    ("[report]\npivot = 'x'", "no axis `x`", 8),
    ("[report\npivot = 'x'", "", 7),
    ("[topology]\nkind = 'ring'", "", 7),
];

#[test]
fn mistakes_are_found_where_they_are() {
    for (text, message, line) in BAD {
        let text = format!("{STAR}{text}\n");
        let Err(found) = loaded(&text, &[]) else {
            panic!("no mistake found in:\n{text}");
        };
        let line_of = |d: &Diagnostic| 1 + text[..d.span.start].matches('\n').count();
        let good = found
            .iter()
            .any(|d| d.file == "dir/x.toml" && d.message.contains(message) && line_of(d) == *line);
        let list: Vec<String> = found
            .iter()
            .map(|d| format!("{}: {}", line_of(d), d.message))
            .collect();
        assert!(
            good,
            "wanted {line}: {message}\nfound {list:#?}\nin\n{text}"
        );
    }
}

#[test]
fn topologies_need_their_own_sizes() {
    for (text, message) in [
        ("kind = 'star'", "needs `hosts`"),
        ("kind = 'star'\nhosts = 0", "is zero"),
        ("kind = 'star'\nhosts = -1", "-1"),
        ("kind = 'star'\nhosts = 70000", "above 65536"),
        ("kind = 'star'\nhosts = 2\nk = 4", "`k` has no meaning here"),
        ("kind = 'fat-tree'\nk = 5", "odd"),
        ("kind = 'fat-tree'\nk = 65536", "hosts"),
        (
            "kind = 'leaf-spine'\nleaves = 60000\nspines = 60000\nhosts_per_leaf = 1",
            "links",
        ),
        ("hosts = 2", "missing key `kind`"),
    ] {
        let text = format!("[topology]\n{text}\n[[traffic]]\nkind = 'incast'\nbytes = '1kB'");
        let found = loaded(&text, &[]).unwrap_err();
        assert!(
            found.iter().any(|d| d.message.contains(message)),
            "{message}: {found:#?}"
        );
    }
}

#[test]
fn several_mistakes_are_reported_at_once() {
    let text = format!("{STAR}[nic.default]\nmtuu = 1\n[switch.default]\nlatency = 5\n[reprt]\n");
    let found = loaded(&text, &[]).unwrap_err();
    assert_eq!(found.len(), 3, "{found:#?}");
    assert_eq!(found[0].help.as_deref(), Some("did you mean `mtu`?"));
    assert_eq!(found[2].help.as_deref(), Some("did you mean `report`?"));
}

#[test]
fn mistakes_in_other_files_point_there() {
    let text =
        "[topology]\nkind = 'star'\nhosts = 4\n[[traffic]]\nkind = 'csv'\nfile = 'bad.csv'\n";
    let found = loaded(text, &[]).unwrap_err();
    assert_eq!((found.len(), found[0].file.as_str()), (1, "bad.csv"));
    let line = 1 + files("bad.csv").unwrap()[..found[0].span.start]
        .matches('\n')
        .count();
    assert_eq!(line, 3);
}

#[test]
fn options_are_named_in_their_mistakes() {
    for (path, value, message) in [
        ("nic.default.mut", "5", "unknown key `mut`"),
        ("nic.default.mtu", "5", "5 is no MTU"),
        ("traffic.7.bytes", "1MB", "there is no `traffic.7`"),
        ("traffic.0.bytes", "1", "missing unit"),
    ] {
        let found = loaded(STAR, &[(path, value)]).unwrap_err();
        let start = format!("--set {path}={value}: ");
        assert!(found[0].message.starts_with(&start), "{found:#?}");
        assert!(found[0].message.contains(message), "{found:#?}");
    }
}

#[test]
fn nothing_makes_it_panic() {
    for text in [
        "",
        "=",
        "\"",
        "[",
        "a",
        "\u{feff}",
        "[[axis]]",
        "axis = 5",
        "switch = []",
        "nic.a = 1",
        "traffic = 'x'",
        "[[traffic]]\nkind = 5",
        "expect = 'a'",
        "axis = [1]",
        "seed = -1",
        "seed = 99999999999999999999999",
        "until = 'ä'",
        "[switch.default]\ninherits = 5",
    ] {
        assert!(loaded(text, &[]).is_err(), "{text}");
    }
    // Every prefix of a good file.
    let text = format!("{STAR}[[axis]]\nname='a'\npath='nic.default.mtu'\nvalues=[1024]\n");
    for end in 0..text.len() {
        drop(loaded(&text[..end], &[]));
    }
}

/// A scenario that uses most of the language.
const RICH: &str = "\
seed = 3
until = '5ms'
[simulation]
sample = '10us'
deadlock_scan = 'off'
framing = { kind = 'rocev2', vlan = true }
[topology]
kind = 'leaf-spine'
leaves = 2
spines = 2
hosts_per_leaf = 2
rate = '100Gbps'
fabric_rate = '400Gbps'
cable = '3m'
phy_delay = '300ns'
ber = 1e-12
[switch.default]
forwarding = 'cut-through'
latency = '500ns'
dscp_to_priority = { '0-7' = 1 }
[switch.default.buffer]
size = '32MiB'
cell = '208B'
xoff = '96KiB'
headroom = '100kB'
headroom_pool = '1MB'
pg = { '3' = { alpha = '1/4' } }
queue = { '0' = { limit = '1MB' } }
[switch.default.pfc]
mode = 'pfc'
priorities = [3, 4]
quanta = 1000
response = '1us'
[switch.default.ets]
shares = { '0' = 40, '3' = 60 }
strict = [7]
max = { '0' = '10Gbps' }
[switch.default.ecn]
kmin = '100kB'
kmax = '400kB'
pmax = '10%'
by_rate = { '400Gbps' = { kmin = '400kB', kmax = '1600kB' } }
[switch.default.watchdog]
detect = '1ms'
[nic.default]
mtu = 1024
timeout = '1ms'
retry_cnt = 'off'
window = '1MB'
drain = '80Gbps'
cc = 'dcqcn'
cnp = { interval = '4us', scope = 'ip' }
dcqcn = { g = '1/256', byte_counter = 'off' }
[[traffic]]
kind = 'poisson'
load = 0.3
sizes = 'hadoop'
duration = '20us'
pace = '50Gbps'
[[traffic]]
kind = 'incast'
bytes = '1MB'
senders = 3
depth = 4
message = '64KiB'
op = 'send'
receives = { posted = 8, repost = '1us' }
stagger = '1us'
[[fault]]
kind = 'slow-receiver'
node = 'h0'
drain = '1Gbps'
at = '1us'
until = '2us'
[[axis]]
name = 'a'
path = 'nic.default.mtu'
values = [512, 1024]
[[expect]]
check = ['drops.lossless == 0']
when = { a = 512 }
";

#[test]
fn a_rich_scenario_builds() {
    let plan = loaded(RICH, &[]).unwrap_or_else(|e| panic!("{e:#?}"));
    assert_eq!((plan.cases.len(), plan.cases[1].expectations.len()), (2, 0));
    let m = &plan.cases[0].model;
    let ecn = m.switches[0].port.ecn[3].as_ref().unwrap();
    assert_eq!(
        (ecn.by_rate.len(), ecn.by_rate[0].kmax),
        (2, Bytes(1_600_000))
    );
    assert_eq!(
        m.switches[0].port.pgs[4].limit,
        Limit::Static(Bytes(96 << 10))
    );
    assert_eq!(
        m.switches[0].port.pgs[3].limit,
        Limit::Dynamic { num: 1, den: 4 }
    );
    assert_eq!(m.switches[0].port.scheduler.queues[6], QueueSched::Dwrr(1));
}

#[test]
fn no_change_of_a_value_makes_it_panic() {
    let values = [
        "-1",
        "0",
        "''",
        "[]",
        "{}",
        "true",
        "1e308",
        "nan",
        "'9000000s'",
        "'off'",
        "'9000000TB'",
        "'1bps'",
        "'0B'",
        "9223372036854775807",
        "'40000km'",
        "['x']",
        "'h*'",
        "'auto'",
    ];
    let lines: Vec<&str> = RICH.lines().collect();
    for (i, line) in lines.iter().enumerate() {
        let Some((key, _)) = line.split_once(" = ") else {
            continue;
        };
        for value in values {
            let changed = format!("{key} = {value}");
            let mut text: Vec<&str> = lines.clone();
            text[i] = &changed;
            drop(loaded(&text.join("\n"), &[]));
        }
    }
    // Without any one line.
    for i in 0..lines.len() {
        let text: Vec<&str> = [&lines[..i], &lines[i + 1..]].concat();
        drop(loaded(&text.join("\n"), &[]));
    }
}

#[test]
fn seed_and_stop_can_be_overridden() {
    let over = Overrides {
        seed: Some(7),
        until: Some(Some(SimDuration::from_us(1))),
        sets: Vec::new(),
        ..Overrides::default()
    };
    let plan = load("x.toml", STAR, &over, &files).unwrap();
    assert_eq!(
        (
            plan.cases[0].model.seed,
            plan.cases[0].model.until.unwrap().ns()
        ),
        (7, 1_000)
    );
    assert_ne!(plan.hash, loaded(STAR, &[]).unwrap().hash);
}

#[test]
fn the_schema_describes_every_key() {
    let schema = json_schema();
    let object = schema.as_object().unwrap();
    assert_eq!(
        object["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    let definitions = object["$defs"].as_object().unwrap();
    let tables = definitions.values().chain([schema.as_value()]);
    let mut keys = 0;
    for table in tables {
        assert_ne!(table["type"], "null");
        for (key, property) in table["properties"].as_object().into_iter().flatten() {
            let described = property.get("description").is_some();
            assert!(
                described || property.get("$ref").is_some(),
                "{key}: {property:#?}"
            );
            keys += 1;
        }
    }
    assert!(keys > 150, "{keys}");
}
