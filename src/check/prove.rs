//! --simulate: what findings cost.

use crate::args::CheckArgs;
use crate::output::{self, Error};
use xoff_configs::fabric::Fabric;
use xoff_configs::found::Found;
use xoff_configs::proof::{Simulated, simulate};
use xoff_configs::rules;

/// Runs the fabric as configured and as cured, if that is asked for.
pub(super) fn prove(
    args: &CheckArgs,
    fabric: &Fabric,
    found: &mut [Found],
) -> Result<Option<Simulated>, Error> {
    if !args.simulate {
        return Ok(None);
    }
    let simulated = match simulate(fabric, found) {
        Ok(simulated) => simulated,
        Err(why) => {
            output::tell(&why);
            return Ok(None);
        }
    };
    if let Some(dir) = &args.scenarios {
        output::create_dir(dir)?;
        for (name, text) in &simulated.scenarios {
            output::replace_file(&dir.join(name), text.as_bytes())?;
        }
    }
    Ok(Some(simulated))
}

/// What simulation says of an old and a new fabric, as sentences.
pub(super) fn both(old: &Fabric, new: &Fabric) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    for (name, fabric) in [("old", old), ("new", new)] {
        lines.push(match simulate(fabric, &mut rules::check(fabric)) {
            Ok(s) => format!(
                "{name}: {} RDMA packets are repeated, and RDMA has {} % of the goodput that it has cured",
                s.repeated, s.goodput_percent
            ),
            Err(why) => format!("{name}: {why}"),
        });
    }
    Ok(lines)
}
