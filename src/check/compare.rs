//! --diff: what a change of configurations does.

use super::{fails, files, judge};
use crate::args::{CheckArgs, CheckFormat};
use crate::output::{self, Error};
use crate::report::check::changes::{self, Changes};
use std::path::{Path, PathBuf};
use xoff_configs::fabric::Fabric;
use xoff_configs::found::Found;
use xoff_configs::rules;

pub(super) fn run(args: &CheckArgs, old: &Path, new: &Path) -> Result<bool, Error> {
    let load = |path: &Path| files::load(args, &[PathBuf::from(path)]);
    let (old, new) = (load(old)?, load(new)?);
    let checked = |fabric: &Fabric| {
        let mut found = rules::check(fabric);
        judge(args, &mut found);
        found
    };
    let (before, after) = (checked(&old.fabric), checked(&new.fabric));
    let same = |a: &Found, b: &Found| {
        a.check == b.check
            && a.severity == b.severity
            && old.fabric.nodes[a.node].name == new.fabric.nodes[b.node].name
            && a.ports == b.ports
            && a.cause == b.cause
    };
    let gone: Vec<&Found> = before
        .iter()
        .filter(|a| !after.iter().any(|b| same(a, b)))
        .collect();
    let come: Vec<&Found> = after
        .iter()
        .filter(|b| !before.iter().any(|a| same(a, b)))
        .collect();
    let stay = before.len() - gone.len();
    let simulated = match args.simulate {
        true => super::prove::both(&old.fabric, &new.fabric)?,
        false => Vec::new(),
    };
    let fails = fails(&come.iter().map(|&f| f.clone()).collect::<Vec<_>>());
    let changes = Changes {
        old: &old.fabric,
        new: &new.fabric,
        gone,
        come,
        stay,
        simulated,
    };
    match args.format {
        CheckFormat::Human => output::print(|out| changes::human(out, &changes))?,
        CheckFormat::Json => output::print(|out| changes::json(out, &changes))?,
        _ => {
            let text = "--diff is shown with --format human or json only";
            return Err(Error::Message(text.to_owned()));
        }
    }
    Ok(!fails)
}
