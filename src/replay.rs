//! `xoff trace --replay`: a scenario from a capture, simulated, and compared with the capture.

use crate::output::{self, Error};
use rayon::prelude::*;
use std::path::Path;
use xoff_scenario::Overrides;
use xoff_scenario::plan::{Case, Plan};
use xoff_trace::replay::figures::Figures;
use xoff_trace::replay::{Replay, derive};
use xoff_trace::report::TraceReport;

/// Buffer sizes that are tried, MiB.
const BUFFERS: [u32; 12] = [1, 2, 4, 6, 8, 9, 12, 16, 24, 32, 48, 64];
/// Packets that are simulated to find the best variant, over all of them.
const FIT_PACKETS_MAX: u64 = 50_000_000;

pub(crate) struct Options<'a> {
    /// Where the scenario is written.
    pub(crate) out: Option<&'a Path>,
    /// What-if: parameters to change in a second simulation.
    pub(crate) sets: &'a [(String, String)],
    pub(crate) link_rate: Option<u64>,
}

/// A replay and what came of it.
pub(crate) struct Replayed {
    pub(crate) replay: Replay,
    pub(crate) toml: String,
    pub(crate) captured: Figures,
    pub(crate) simulated: Figures,
    /// The changes of `--set`, if there are any, and what they make of it.
    pub(crate) changed: Option<(Vec<(String, String)>, Figures)>,
}

/// Derives, simulates and compares. An error if there is no RoCE data to replay.
pub(crate) fn replay(
    report: &TraceReport,
    name: &str,
    options: &Options<'_>,
) -> Result<Replayed, Error> {
    output::check_places(options.out.into_iter())?;
    let derived = derive(report, name, options.link_rate);
    let mut replay = derived.map_err(|e| Error::Message(format!("{name}: {e}")))?;
    let captured = Figures::of_capture(report, &replay);
    let simulated = fit(report, &captured, &mut replay)?;
    let toml = replay.to_toml();
    let changed = if options.sets.is_empty() {
        None
    } else {
        let case = load(&toml, options.sets)?;
        let figures = simulate(report, &replay, &case);
        Some((options.sets.to_vec(), figures))
    };
    if let Some(path) = options.out {
        output::replace_file(path, toml.as_bytes())?;
    }
    Ok(Replayed {
        replay,
        toml,
        captured,
        simulated,
        changed,
    })
}

/// Chooses what a capture cannot show, the switch's buffer or else random loss on the links, so
/// that the simulation comes closest to what was captured.
fn fit(report: &TraceReport, captured: &Figures, replay: &mut Replay) -> Result<Figures, Error> {
    let trouble = captured.retransmitted_packets > 0
        || captured.cnps > 0
        || captured.hosts_paused_ns.iter().any(|&ns| ns > 0);
    let mut candidates = vec![replay.clone()];
    let variants = BUFFERS.len() as u64 + 2;
    let affordable = captured.data_packets.saturating_mul(variants) <= FIT_PACKETS_MAX;
    if trouble && !affordable {
        replay.notes.push(
            "switch buffer: xoff's default; the capture is too long to try which comes closest"
                .to_owned(),
        );
    }
    if trouble && affordable {
        candidates.extend(BUFFERS.iter().map(|&mib| Replay {
            buffer_mib: Some(mib),
            ..replay.clone()
        }));
        if !replay.losses.is_empty() {
            candidates.push(Replay {
                inject_loss: true,
                ..replay.clone()
            });
        }
    }
    let tried: Vec<Option<(f64, Figures)>> = candidates
        .par_iter()
        .map(|candidate| {
            // A buffer too small for its headroom is refused: not a candidate.
            let case = load(&candidate.to_toml(), &[]).ok()?;
            let figures = simulate(report, candidate, &case);
            Some((figures.distance(captured), figures))
        })
        .collect();
    let best = tried
        .into_iter()
        .zip(&candidates)
        .filter_map(|(t, c)| t.map(|(distance, figures)| (distance, figures, c)))
        .min_by(|a, b| a.0.total_cmp(&b.0));
    let Some((_, figures, chosen)) = best else {
        let plan = load(&replay.to_toml(), &[]);
        return Err(plan.err().unwrap_or_else(|| {
            Error::Message("the derived scenario cannot be simulated".to_owned())
        }));
    };
    let chosen = chosen.clone();
    *replay = chosen;
    let tries = candidates.len();
    if let Some(mib) = replay.buffer_mib {
        replay.notes.push(format!(
            "switch buffer: {mib} MiB comes closest to the capture, of {tries} variants simulated"
        ));
    } else if replay.inject_loss {
        replay.notes.push(format!(
            "losses: random loss on the receivers' links comes closest, of {tries} variants \
             simulated; no buffer of the switch explains them"
        ));
    }
    Ok(figures)
}

fn load(toml: &str, sets: &[(String, String)]) -> Result<Case, Error> {
    const NAME: &str = "replay.toml";
    let overrides = Overrides {
        sets: sets.to_vec(),
        ..Overrides::default()
    };
    let no_files = |file: &str| Err(format!("a replay reads no file such as {file}"));
    let plan: Result<Plan, _> = xoff_scenario::load(NAME, toml, &overrides, &no_files);
    let texts = || vec![(NAME.to_owned(), toml.to_owned())];
    let plan = plan.map_err(|diagnostics| Error::Input(diagnostics, texts()))?;
    let first = plan.cases.into_iter().next();
    first.ok_or_else(|| Error::Message("the derived scenario has no case".to_owned()))
}

fn simulate(report: &TraceReport, replay: &Replay, case: &Case) -> Figures {
    let results = xoff_sim::run(&case.model, &mut |_| {});
    Figures::of_run(report, replay, &case.model, &results)
}
