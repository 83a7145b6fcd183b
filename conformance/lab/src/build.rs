//! Building the kernel of the guests.

use super::event::Event;
use super::event::listen;
use super::rundir::RunDir;
use super::{LabError, cache, requirements};
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// The oldest Linux whose ksmbd and siw are what the lab expects.
const OLDEST: (u32, u32) = (6, 6);

/// How often a step is looked after.
const LOOK: Duration = Duration::from_millis(20);

/// Without these there is no lab; the rest of the configuration may differ between versions.
const NEEDED: [&str; 6] = [
    "CONFIG_HOSTFS=y",
    "CONFIG_DEVTMPFS=y",
    "CONFIG_SSL=y",
    "CONFIG_UML_NET_VECTOR=y",
    "CONFIG_RDMA_RXE=y",
    "CONFIG_RDMA_SIW=y",
];

/// What to build from, and how.
#[derive(Debug)]
pub struct Options<'a> {
    pub cache: &'a Path,
    /// A Linux tree; None: the source that Debian packages.
    pub source: Option<&'a Path>,
    /// Compilers at the same time.
    pub jobs: usize,
}

/// The kernel, built now unless it is in the cache already. `tell` is told what takes time.
///
/// # Errors
/// Not an x86 machine, a source that is none or too old, a step that failed: with the end of its
/// log, which is kept in the cache.
pub fn build(options: &Options<'_>, tell: &mut dyn FnMut(&str)) -> Result<PathBuf, LabError> {
    if !cfg!(target_arch = "x86_64") {
        let text = "User Mode Linux runs on x86-64 only";
        return Err(LabError::Message(text.to_owned()));
    }
    let version = version(options.source)?;
    let key = cache::key(cache::CONFIG, &version);
    let kernel = cache::kernel(options.cache, &key);
    if kernel.is_file() {
        return Ok(kernel);
    }
    let work = RunDir::create(&options.cache.join("build"), "kernel-")?;
    let log = work.path().join("build.log");
    let (sender, events) = channel();
    let signals = listen(&sender)?;
    let steps = Steps {
        work: work.path(),
        log: &log,
        events: &events,
    };
    match steps
        .all(options, tell)
        .and_then(|()| place(&steps, &kernel))
    {
        Ok(()) => {
            drop(signals);
            Ok(kernel)
        }
        Err(LabError::Interrupted) => Err(LabError::Interrupted),
        Err(error) => {
            let kept = options.cache.join("build-failed.log");
            let end = fs::read(&log)
                .map(|text| last_lines(&text, 20))
                .unwrap_or_default();
            match fs::rename(&log, &kept) {
                Ok(()) => Err(LabError::Message(format!(
                    "{error}\nthe end of {}:\n  {}",
                    kept.display(),
                    end.join("\n  ")
                ))),
                Err(_) => Err(error),
            }
        }
    }
}

/// What tells sources apart: the version in a tree's Makefile, or name, size and time of the
/// packaged archive, which need not be unpacked for that.
fn version(source: Option<&Path>) -> Result<String, LabError> {
    match source {
        Some(tree) => {
            let path = tree.join("Makefile");
            let text = fs::read_to_string(&path).map_err(|e| LabError::file("read", &path, &e))?;
            tree_version(&text).ok_or_else(|| {
                let (major, minor) = OLDEST;
                LabError::Message(format!(
                    "{} is no source of Linux {major}.{minor} or later",
                    tree.display()
                ))
            })
        }
        None => {
            use std::os::unix::fs::MetadataExt;
            let path = Path::new(requirements::DEBIAN_SOURCE);
            let found = fs::metadata(path).map_err(|e| LabError::file("read", path, &e))?;
            let name = path.display();
            Ok(format!("{name} {} {}", found.len(), found.mtime()))
        }
    }
}

/// "6.12.3-rc1" of a top Makefile, if it is one of Linux and not too old.
fn tree_version(makefile: &str) -> Option<String> {
    let value = |name: &str| {
        let mut lines = makefile.lines().take(20);
        lines.find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        })
    };
    let number = |name: &str| value(name)?.parse::<u32>().ok();
    let (major, minor) = (number("VERSION")?, number("PATCHLEVEL")?);
    let sub = number("SUBLEVEL").unwrap_or(0);
    let extra = value("EXTRAVERSION").unwrap_or_default();
    ((major, minor) >= OLDEST).then(|| format!("{major}.{minor}.{sub}{extra}"))
}

struct Steps<'a> {
    work: &'a Path,
    log: &'a Path,
    /// Tell whether somebody wants it to end.
    events: &'a Receiver<Event>,
}

impl Steps<'_> {
    fn all(&self, options: &Options<'_>, tell: &mut dyn FnMut(&str)) -> Result<(), LabError> {
        let source = match options.source {
            Some(tree) => {
                let absolute = tree.canonicalize();
                absolute.map_err(|e| LabError::file("find", tree, &e))?
            }
            None => {
                tell("unpacking the kernel's source");
                self.unpack(Path::new(requirements::DEBIAN_SOURCE))?
            }
        };
        let out = self.work.join("out");
        fs::create_dir(&out).map_err(|e| LabError::file("create", &out, &e))?;
        self.configure(&source, &out)?;
        tell(&format!(
            "compiling the kernel: some minutes; the log is {}",
            self.log.display()
        ));
        let jobs = format!("-j{}", options.jobs.max(1));
        self.make(&source, &out, &[&jobs, "linux"])?;
        let (built, kernel) = (out.join("linux"), self.work.join("linux"));
        let mut strip = Command::new("strip");
        strip.arg("-o").arg(&kernel).arg(&built);
        self.step(&mut strip)
    }

    fn unpack(&self, archive: &Path) -> Result<PathBuf, LabError> {
        let source = self.work.join("source");
        fs::create_dir(&source).map_err(|e| LabError::file("create", &source, &e))?;
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(&source).arg("--strip-components=1");
        self.step(tar.arg("-xf").arg(archive))?;
        Ok(source)
    }

    /// The smallest configuration, with ours on top.
    fn configure(&self, source: &Path, out: &Path) -> Result<(), LabError> {
        let wanted = self.work.join("config");
        let written = fs::write(&wanted, cache::CONFIG);
        written.map_err(|e| LabError::file("write", &wanted, &e))?;
        self.make(source, out, &["tinyconfig"])?;
        let mut merge = Command::new("sh");
        merge.arg(source.join("scripts/kconfig/merge_config.sh"));
        merge
            .arg("-m")
            .arg("-O")
            .arg(out)
            .arg(out.join(".config"))
            .arg(&wanted);
        self.step(merge.current_dir(out))?;
        self.make(source, out, &["olddefconfig"])?;
        let path = out.join(".config");
        let text = fs::read_to_string(&path).map_err(|e| LabError::file("read", &path, &e))?;
        match missing_options(&text)[..] {
            [] => Ok(()),
            ref missing => Err(LabError::Message(format!(
                "this source does not take {}",
                missing.join(", ")
            ))),
        }
    }

    fn make(&self, source: &Path, out: &Path, words: &[&str]) -> Result<(), LabError> {
        let mut make = Command::new("make");
        make.arg("-C").arg(source).arg("ARCH=um");
        let mut target = OsStr::new("O=").to_owned();
        target.push(out);
        // Flags of a make that called us are not meant for this one.
        make.arg(target).args(words).env_remove("MAKEFLAGS");
        self.step(&mut make)
    }

    fn step(&self, command: &mut Command) -> Result<(), LabError> {
        let failed = |e: std::io::Error| LabError::file("write", self.log, &e);
        let mut log = File::options();
        let mut log = log
            .create(true)
            .append(true)
            .open(self.log)
            .map_err(failed)?;
        writeln!(log, "+ {command:?}").map_err(failed)?;
        let errors = log.try_clone().map_err(failed)?;
        let program = command.get_program().to_string_lossy().into_owned();
        let cannot = |e| LabError::Message(format!("cannot run {program}: {e}"));
        // A group of its own, so that what it starts ends with it.
        let mut child = command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(cannot)?;
        let ended = loop {
            if let Some(ended) = child.try_wait().map_err(cannot)? {
                break ended;
            }
            if let Ok(Event::Interrupted) = self.events.recv_timeout(LOOK) {
                let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                let _ = group.map(|group| kill_process_group(group, Signal::KILL));
                let _ = child.wait();
                return Err(LabError::Interrupted);
            }
        };
        match ended.success() {
            true => Ok(()),
            false => Err(LabError::Message(format!("{program} failed: {ended}"))),
        }
    }
}

fn missing_options(config: &str) -> Vec<&'static str> {
    let mut missing = NEEDED.to_vec();
    for line in config.lines() {
        missing.retain(|option| *option != line);
    }
    missing
}

/// Gives the finished kernel its place, with configuration and log. Somebody else may have been
/// faster: then theirs stays.
fn place(steps: &Steps<'_>, kernel: &Path) -> Result<(), LabError> {
    let done = steps.work.join("done");
    let failed = |e| LabError::file("create", kernel, &e);
    fs::create_dir(&done).map_err(failed)?;
    for (from, to) in [
        ("linux", "linux"),
        ("out/.config", "config"),
        ("build.log", "build.log"),
    ] {
        fs::rename(steps.work.join(from), done.join(to)).map_err(failed)?;
    }
    let Some(dir) = kernel.parent() else {
        return Err(failed(std::io::ErrorKind::InvalidInput.into()));
    };
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    match fs::rename(&done, dir) {
        Err(_) if kernel.is_file() => Ok(()),
        result => result.map_err(failed),
    }
}

/// The last lines of a text, cut where they are long.
pub(super) fn last_lines(text: &[u8], count: usize) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(count);
    let cut = |line: &&str| line.trim_end().chars().take(200).collect();
    lines[from..].iter().map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_makefile() {
        let makefile = |major: u32, minor: u32| {
            format!(
                "# SPDX\nVERSION = {major}\nPATCHLEVEL = {minor}\nSUBLEVEL = 3\nEXTRAVERSION = -rc1\n"
            )
        };
        assert_eq!(tree_version(&makefile(6, 12)).unwrap(), "6.12.3-rc1");
        assert_eq!(tree_version(&makefile(7, 0)).unwrap(), "7.0.3-rc1");
        assert_eq!(tree_version(&makefile(6, 5)), None);
        assert_eq!(tree_version("all:\n\tcc x.c\n"), None);
    }

    #[test]
    fn needed_options_are_asked_for_and_looked_for() {
        assert!(missing_options(cache::CONFIG).is_empty());
        let without = cache::CONFIG.replace("CONFIG_RDMA_SIW=y", "# CONFIG_RDMA_SIW is not set");
        assert_eq!(missing_options(&without), ["CONFIG_RDMA_SIW=y"]);
    }

    #[test]
    fn a_source_that_is_none_leaves_nothing() {
        let dir = std::env::temp_dir().join(format!("xoff-build-{}", std::process::id()));
        let source = dir.join("source");
        fs::create_dir_all(&source).unwrap();
        let options = Options {
            cache: &dir,
            source: Some(&source),
            jobs: 1,
        };
        let error = build(&options, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("Makefile"), "{error}");
        fs::write(
            source.join("Makefile"),
            "VERSION = 6\nPATCHLEVEL = 12\nall:\n",
        )
        .unwrap();
        // Make, if it is there at all, knows nothing to do for these targets.
        let error = build(&options, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("make"), "{error}");
        assert_eq!(fs::read_dir(dir.join("build")).unwrap().count(), 0);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn the_end_of_a_log_is_short() {
        let log = b"a\n\nb\r\nc\n";
        assert_eq!(last_lines(log, 2), ["b", "c"]);
        assert_eq!(last_lines(&[b'x'; 500], 2)[0].len(), 200);
        assert!(last_lines(b"", 2).is_empty());
    }
}
