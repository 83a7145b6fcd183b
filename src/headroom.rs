//! `xoff headroom`: the headroom calculator.

use crate::args::{HeadroomArgs, HeadroomProfile, TableFormat};
use crate::output::{self, Error};
use crate::report::table::{Align, Table};
use serde::Serialize;
use std::io::{self, Write};
use xoff_model::headroom::{Breakdown, Input, Profile, calculate, response_time};
use xoff_scenario::metrics::value::grouped;

/// RoCE path MTU, and MTU of an mlx5 interface.
const DEFAULT_MTU: u32 = 4_096;

#[derive(Serialize)]
struct HeadroomJson<'a> {
    profile: &'static str,
    rate_bps: u64,
    cable_mm: u64,
    frame_bytes: u32,
    phy_delay_ps: u64,
    response_ps: u64,
    cell_bytes: u32,
    #[serde(flatten)]
    sonic: Option<SonicJson>,
    terms: Vec<TermJson<'a>>,
    total_bytes: u64,
    xon_bytes: Option<u64>,
    size_bytes: Option<u64>,
}

/// What only SONiC's rule depends on.
#[derive(Serialize)]
struct SonicJson {
    port_mtu_bytes: u32,
    small_packet_percent: u32,
    mac_phy_bytes: u64,
    gearbox_delay_ps: u64,
    pipeline_bytes: u64,
    lanes: u32,
}

#[derive(Serialize)]
struct TermJson<'a> {
    name: &'static str,
    formula: &'a str,
    bytes: u64,
}

pub(crate) fn run(args: &HeadroomArgs) -> Result<(), Error> {
    let profile = match args.profile {
        HeadroomProfile::Xoff => Profile::Xoff,
        HeadroomProfile::Mlx5 => Profile::Mlx5,
        HeadroomProfile::Sonic => Profile::Sonic,
    };
    if let Some(option) = unused(profile, args) {
        let text = format!("{option} has no meaning for --profile {}", profile.name());
        return Err(Error::Message(text));
    }
    let input = input(profile, args);
    let breakdown = calculate(profile, &input).map_err(|e| Error::Message(e.to_string()))?;
    output::print(|out| match args.format {
        TableFormat::Human => human(out, profile, &input, &breakdown),
        TableFormat::Json => json(out, profile, &input, &breakdown),
    })
}

/// An option that is given, and that the profile's rule does not know.
fn unused(profile: Profile, args: &HeadroomArgs) -> Option<&'static str> {
    use Profile::{Sonic, Xoff};
    let options: [(&str, bool, &[Profile]); 10] = [
        ("--port-mtu", args.port_mtu.is_some(), &[Xoff, Sonic]),
        ("--min-frame", args.min_frame.is_some(), &[Xoff]),
        ("--phy-delay", args.phy_delay.is_some(), &[Xoff]),
        ("--response", args.response.is_some(), &[Xoff, Sonic]),
        ("--cell", args.cell.is_some(), &[Xoff, Sonic]),
        ("--small-packets", args.small_packets.is_some(), &[Sonic]),
        ("--mac-phy-delay", args.mac_phy_delay.is_some(), &[Sonic]),
        ("--gearbox-delay", args.gearbox_delay.is_some(), &[Sonic]),
        (
            "--pipeline-latency",
            args.pipeline_latency.is_some(),
            &[Sonic],
        ),
        ("--lanes", args.lanes.is_some(), &[Sonic]),
    ];
    let mut unknown = options.into_iter();
    unknown
        .find(|(_, given, known)| *given && !known.contains(&profile))
        .map(|(name, ..)| name)
}

fn input(profile: Profile, args: &HeadroomArgs) -> Input {
    let mut input = match profile {
        Profile::Sonic => Input::sonic(args.rate, args.cable),
        Profile::Xoff | Profile::Mlx5 => {
            Input::roce(args.rate, args.cable, args.mtu.unwrap_or(DEFAULT_MTU))
        }
    };
    // The vendors' formulas take an MTU as it is configured; headers are in their constants.
    match profile {
        Profile::Xoff => {}
        Profile::Mlx5 => input.port_mtu = args.mtu.unwrap_or(DEFAULT_MTU),
        Profile::Sonic => input.mtu_frame_bytes = args.mtu.unwrap_or(input.mtu_frame_bytes),
    }
    if profile == Profile::Mlx5 {
        input.mtu_frame_bytes = input.port_mtu;
    }
    input.port_mtu = args.port_mtu.unwrap_or(input.port_mtu);
    input.min_frame_bytes = args.min_frame.unwrap_or(input.min_frame_bytes);
    input.phy_delay = args.phy_delay.unwrap_or(input.phy_delay);
    input.response = args.response;
    input.cell_bytes = args.cell.unwrap_or(input.cell_bytes);
    input.small_packet_percent = args.small_packets.unwrap_or(input.small_packet_percent);
    input.mac_phy_bytes = args.mac_phy_delay.map_or(input.mac_phy_bytes, |b| b.0);
    input.gearbox_delay = args.gearbox_delay.unwrap_or(input.gearbox_delay);
    input.pipeline_bytes = args.pipeline_latency.map_or(input.pipeline_bytes, |b| b.0);
    input.lanes = args.lanes.unwrap_or(input.lanes);
    input
}

fn human(
    out: &mut dyn Write,
    profile: Profile,
    input: &Input,
    breakdown: &Breakdown,
) -> io::Result<()> {
    writeln!(
        out,
        "headroom of one lossless priority group ({}): {}, {}m of cable, frames of {} B",
        profile.name(),
        input.rate,
        millimetres_as_metres(input.cable.0),
        input.mtu_frame_bytes,
    )?;
    writeln!(out)?;
    let mut table = Table::new(&[
        ("term", Align::Left),
        ("bytes", Align::Right),
        ("", Align::Left),
    ]);
    for term in &breakdown.terms {
        table.row([
            term.name.to_owned(),
            grouped(term.bytes),
            term.formula.clone(),
        ]);
    }
    table.row([
        "total".to_owned(),
        grouped(breakdown.total.0),
        String::new(),
    ]);
    if let Some(xon) = breakdown.xon {
        table.row(["XON threshold".to_owned(), grouped(xon.0), String::new()]);
    }
    if let Some(size) = breakdown.size {
        let without = "XON + total, without a shared headroom pool";
        table.row(["size".to_owned(), grouped(size.0), without.to_owned()]);
    }
    out.write_all(table.render(0).as_bytes())
}

fn millimetres_as_metres(mm: u64) -> String {
    match mm % 1_000 {
        0 => (mm / 1_000).to_string(),
        part => format!("{}.{part:03}", mm / 1_000)
            .trim_end_matches('0')
            .to_owned(),
    }
}

fn json(
    out: &mut dyn Write,
    profile: Profile,
    input: &Input,
    breakdown: &Breakdown,
) -> io::Result<()> {
    let terms = breakdown.terms.iter();
    let json = HeadroomJson {
        profile: profile.name(),
        rate_bps: input.rate.bps(),
        cable_mm: input.cable.0,
        frame_bytes: input.mtu_frame_bytes,
        phy_delay_ps: input.phy_delay.ps(),
        response_ps: input
            .response
            .unwrap_or_else(|| response_time(input.rate))
            .ps(),
        cell_bytes: input.cell_bytes,
        sonic: (profile == Profile::Sonic).then_some(SonicJson {
            port_mtu_bytes: input.port_mtu,
            small_packet_percent: input.small_packet_percent,
            mac_phy_bytes: input.mac_phy_bytes,
            gearbox_delay_ps: input.gearbox_delay.ps(),
            pipeline_bytes: input.pipeline_bytes,
            lanes: input.lanes,
        }),
        terms: terms
            .map(|t| TermJson {
                name: t.name,
                formula: &t.formula,
                bytes: t.bytes,
            })
            .collect(),
        total_bytes: breakdown.total.0,
        xon_bytes: breakdown.xon.map(|b| b.0),
        size_bytes: breakdown.size.map(|b| b.0),
    };
    serde_json::to_writer_pretty(&mut *out, &json)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::manual::HEADROOM;
    use crate::args::{Cli, Verb};
    use clap::Parser;

    fn parsed(line: &str) -> HeadroomArgs {
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        match cli.verb {
            Verb::Headroom(args) => args,
            _ => panic!("not headroom"),
        }
    }

    fn calculated(profile: Profile, options: &str) -> Breakdown {
        let args = parsed(&format!("xoff headroom --rate 100G {options}"));
        assert_eq!(unused(profile, &args), None, "{options}");
        calculate(profile, &input(profile, &args)).unwrap()
    }

    #[test]
    fn the_manual_states_what_the_rules_give() {
        let mut cell = 0;
        let mut rows = 0;
        for line in HEADROOM.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [first @ .., cable, table, sonic, xoff] = &words[..] else {
                continue;
            };
            if !cable.ends_with('m') || !table.contains(',') {
                continue;
            }
            cell = first.last().map_or(cell, |n| n.parse().unwrap());
            let total = |profile, more: &str| {
                let options = format!("--cable {cable} --cell {cell} {more}");
                grouped(calculated(profile, &options).total.0)
            };
            assert_eq!(total(Profile::Sonic, ""), *sonic, "{line}");
            assert_eq!(total(Profile::Xoff, "--port-mtu 9122"), *xoff, "{line}");
            rows += 1;
        }
        assert_eq!(rows, 10);
        for (cable, cell, small, full) in [
            ("5m", 144, Some(37_888), 38_308),
            ("300m", 144, Some(75_776), 76_169),
            ("5m", 318, None, 42_299),
            ("300m", 318, None, 84_103),
        ] {
            let at = format!("--cable {cable} --cell {cell}");
            let whole = format!("{at} --port-mtu 9122 --mtu 1024 --min-frame 1102");
            assert_eq!(calculated(Profile::Xoff, &whole).total.0, full);
            assert!(HEADROOM.contains(&grouped(full)), "{full}");
            if let Some(small) = small {
                let sonic = calculated(Profile::Sonic, &format!("{at} --small-packets 2"));
                assert_eq!(sonic.total.0, small);
            }
        }
        let plain = calculated(Profile::Sonic, "--cable 300m");
        assert_eq!((plain.total.0, plain.xon.unwrap().0), (163_840, 18_432));
    }

    #[test]
    fn an_option_that_a_rule_does_not_know_is_named() {
        let options = [
            ("--port-mtu", "9100", "xs"),
            ("--min-frame", "64", "x"),
            ("--phy-delay", "0ns", "x"),
            ("--response", "1us", "xs"),
            ("--cell", "1", "xs"),
            ("--small-packets", "100", "s"),
            ("--mac-phy-delay", "819B", "s"),
            ("--gearbox-delay", "0ns", "s"),
            ("--pipeline-latency", "18KiB", "s"),
            ("--lanes", "4", "s"),
        ];
        for (option, value, known) in options {
            let line = format!("xoff headroom --rate 100G --cable 5m {option} {value}");
            let args = parsed(&line);
            for (profile, letter) in [
                (Profile::Xoff, 'x'),
                (Profile::Mlx5, 'm'),
                (Profile::Sonic, 's'),
            ] {
                let wanted = (!known.contains(letter)).then_some(option);
                assert_eq!(unused(profile, &args), wanted, "{option}");
            }
        }
    }

    #[test]
    fn options_reach_the_rule_that_knows_them() {
        let total = |profile, options: &str| {
            let breakdown = calculated(profile, &format!("--cable 5m {options}"));
            (breakdown.total, breakdown.xon, breakdown.size)
        };
        for (profile, options) in [
            (Profile::Xoff, "--mtu 1024"),
            (Profile::Xoff, "--port-mtu 9122"),
            (Profile::Xoff, "--phy-delay 100ns"),
            (Profile::Xoff, "--response 1us"),
            (Profile::Xoff, "--cell 208"),
            (Profile::Mlx5, "--mtu 9100"),
            (Profile::Sonic, "--mtu 4096"),
            (Profile::Sonic, "--port-mtu 4096"),
            (Profile::Sonic, "--response 1us"),
            (Profile::Sonic, "--cell 96"),
            (Profile::Sonic, "--small-packets 30"),
            (Profile::Sonic, "--mac-phy-delay 5KiB"),
            (Profile::Sonic, "--gearbox-delay 400ns"),
            (Profile::Sonic, "--pipeline-latency 19KiB"),
            (Profile::Sonic, "--lanes 8"),
        ] {
            assert_ne!(total(profile, options), total(profile, ""), "{options}");
        }
        let small = "--cell 208 --min-frame 1000";
        assert!(total(Profile::Xoff, small).0 < total(Profile::Xoff, "--cell 208").0);
    }

    fn show(line: &str, profile: Profile, format: TableFormat) -> String {
        let input = input(profile, &parsed(line));
        let breakdown = calculate(profile, &input).unwrap();
        let mut out = Vec::new();
        match format {
            TableFormat::Human => human(&mut out, profile, &input, &breakdown).unwrap(),
            TableFormat::Json => json(&mut out, profile, &input, &breakdown).unwrap(),
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_term_is_shown_and_they_add_up() {
        let line = "xoff headroom --rate 100G --cable 7.5m --mtu 4096";
        for profile in Profile::ALL {
            let text = show(line, profile, TableFormat::Human);
            assert!(
                text.contains(match profile {
                    Profile::Xoff => "100Gbps, 7.5m of cable, frames of 4174 B",
                    Profile::Mlx5 => "100Gbps, 7.5m of cable, frames of 4096 B",
                    Profile::Sonic => "100Gbps, 7.5m of cable, frames of 4096 B",
                }),
                "{text}"
            );
            let json = show(line, profile, TableFormat::Json);
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            let terms = value["terms"].as_array().unwrap();
            let sum: u64 = terms.iter().map(|t| t["bytes"].as_u64().unwrap()).sum();
            assert_eq!(value["total_bytes"].as_u64(), Some(sum));
            assert!(text.contains(&grouped(sum)), "{text}");
        }
    }
}
