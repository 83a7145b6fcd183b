//! `xoff headroom`: the headroom calculator.

use crate::args::{HeadroomArgs, HeadroomProfile, TableFormat};
use crate::output::{self, Error};
use crate::report::table::{Align, Table};
use serde::Serialize;
use std::io::{self, Write};
use xoff_sim::headroom::{Breakdown, Input, Profile, calculate};
use xoff_sim::metrics::value::grouped;

#[derive(Serialize)]
struct HeadroomJson<'a> {
    profile: &'static str,
    rate_bps: u64,
    cable_mm: u64,
    frame_bytes: u32,
    phy_delay_ps: u64,
    response_ps: u64,
    cell_bytes: u32,
    terms: Vec<TermJson<'a>>,
    total_bytes: u64,
    xon_bytes: Option<u64>,
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
    let input = input(profile, args);
    let breakdown = calculate(profile, &input).map_err(|e| Error::Message(e.to_string()))?;
    output::print(|out| match args.format {
        TableFormat::Human => human(out, profile, &input, &breakdown),
        TableFormat::Json => json(out, profile, &input, &breakdown),
    })
}

fn input(profile: Profile, args: &HeadroomArgs) -> Input {
    let mut input = Input::roce(args.rate, args.cable, args.mtu);
    // The vendors' formulas take an MTU as it is configured; headers are in their constants.
    if profile != Profile::Xoff {
        (input.mtu_frame_bytes, input.port_mtu) = (args.mtu, args.mtu);
    }
    input.phy_delay = args.phy_delay;
    input.cell_bytes = args.cell;
    input.response = args.response.unwrap_or(input.response);
    input.port_mtu = args.port_mtu.unwrap_or(input.port_mtu);
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
        response_ps: input.response.ps(),
        cell_bytes: input.cell_bytes,
        terms: terms
            .map(|t| TermJson {
                name: t.name,
                formula: &t.formula,
                bytes: t.bytes,
            })
            .collect(),
        total_bytes: breakdown.total.0,
        xon_bytes: breakdown.xon.map(|b| b.0),
    };
    serde_json::to_writer_pretty(&mut *out, &json)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Verb};
    use clap::Parser;

    fn show(line: &str, profile: Profile, format: TableFormat) -> String {
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        let Verb::Headroom(args) = cli.verb else {
            panic!("not headroom")
        };
        let input = input(profile, &args);
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
                    _ => "100Gbps, 7.5m of cable, frames of 4096 B",
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
