//! Directories that last as long as a process: removed at its end, or, if it was killed, by the
//! next one.

use super::LabError;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use xoff_trace::signals;

/// Held locked by the process that owns the directory.
const LOCK: &str = "lock";
/// A directory without a lock may just have been made.
const YOUNG: Duration = Duration::from_secs(60);

/// Those of this process.
static LIVING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A directory of this process.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    _lock: File,
}

impl RunDir {
    /// Removes what processes that are gone left in `parent` under `prefix`, and makes a directory
    /// there.
    ///
    /// # Errors
    /// What the file system says; `parent` belongs to somebody else.
    pub fn create(parent: &Path, prefix: &str) -> Result<RunDir, LabError> {
        let failed = |e| LabError::file("create a directory in", parent, &e);
        let mut private = DirBuilder::new();
        private.mode(0o700).recursive(true);
        private.create(parent).map_err(failed)?;
        let owner = fs::symlink_metadata(parent).map_err(failed)?;
        if !owner.is_dir() || owner.uid() != rustix::process::getuid().as_raw() {
            return Err(LabError::Message(format!(
                "{} is not a directory of this user",
                parent.display()
            )));
        }
        sweep(parent, prefix);
        let mut number = 0u32;
        loop {
            let name = format!("{prefix}{}-{number}", std::process::id());
            let path = parent.join(name);
            let made = match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => lock(&path).map_err(failed)?,
                Err(e) if e.kind() == ErrorKind::AlreadyExists => None,
                Err(e) => return Err(failed(e)),
            };
            match made {
                Some(lock) => {
                    let mut living = LIVING.lock().unwrap_or_else(PoisonError::into_inner);
                    living.insert(path.clone());
                    signals::before_end(remove_all);
                    return Ok(RunDir { path, _lock: lock });
                }
                None if number < 10_000 => number += 1,
                None => return Err(failed(ErrorKind::AlreadyExists.into())),
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        // The next one sweeps what stays.
        let _ = fs::remove_dir_all(&self.path);
        let mut living = LIVING.lock().unwrap_or_else(PoisonError::into_inner);
        living.remove(&self.path);
    }
}

/// Removes what this process has: it is about to end.
fn remove_all() {
    let living = LIVING.lock().unwrap_or_else(PoisonError::into_inner);
    for path in living.iter() {
        let _ = fs::remove_dir_all(path);
    }
}

/// Where runs of the lab are: short, because names of sockets are, and this user's alone.
pub fn runs(temporary: &Path) -> PathBuf {
    temporary.join(format!("xoff-lab-{}", rustix::process::getuid().as_raw()))
}

fn sweep(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let ours = entry.file_name().to_string_lossy().starts_with(prefix);
        // What cannot be removed is no reason not to run.
        let _ = ours.then(|| remove_stale(&entry.path()));
    }
}

/// The lock of a directory that was just made. None: a process that sweeps has it, or had.
fn lock(dir: &Path) -> io::Result<Option<File>> {
    let lock = match File::create(dir.join(LOCK)) {
        Ok(lock) => lock,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    lock.lock()?;
    Ok(is_lock_of(&lock, dir).then_some(lock))
}

/// Whether what was opened is there still.
fn is_lock_of(lock: &File, dir: &Path) -> bool {
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    let opened = lock.metadata().map(identity).ok();
    let there = fs::symlink_metadata(dir.join(LOCK)).map(identity).ok();
    opened.is_some() && opened == there
}

/// Removes a directory that no process holds. It is locked meanwhile, and renamed first: who has
/// just made it sees that it is gone.
fn remove_stale(dir: &Path) -> io::Result<()> {
    let mut open = File::options();
    let open = open.read(true).write(true);
    let lock = match open.open(dir.join(LOCK)) {
        Err(e) if e.kind() == ErrorKind::NotFound && is_old(dir)? => {
            open.create(true).open(dir.join(LOCK))?
        }
        opened => opened?,
    };
    lock.try_lock()?;
    if is_lock_of(&lock, dir) {
        end_guests(dir);
        let mut gone = dir.as_os_str().to_owned();
        gone.push(".old");
        fs::rename(dir, &gone)?;
        fs::remove_dir_all(&gone)?;
    }
    Ok(())
}

/// Ends the guests of a directory, which their arguments name. They die with the process that started
/// them, but what was trying out the host's ptrace for one stays behind, stopped.
fn end_guests(dir: &Path) {
    let named = [b"uml_dir=", dir.as_os_str().as_bytes()].concat();
    let is_named = |word: &[u8]| {
        let rest = word.strip_prefix(&named[..]);
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
    };
    let processes = fs::read_dir("/proc").into_iter().flatten();
    for process in processes.filter_map(Result::ok) {
        let pid = process.file_name().to_str().and_then(|n| n.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else {
            continue;
        };
        let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
        if words.split(|byte| *byte == 0).any(is_named) {
            // It may have ended meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn is_old(dir: &Path) -> io::Result<bool> {
    let made = fs::symlink_metadata(dir)?.modified()?;
    Ok(made.elapsed().is_ok_and(|age| age > YOUNG))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Command, Stdio};

    #[test]
    fn leftovers_are_swept_and_living_directories_are_not() {
        let parent = std::env::temp_dir().join(format!("xoff-rundir-{}", std::process::id()));
        let first = RunDir::create(&parent, "run-").unwrap();
        let left = parent.join("run-1-0");
        fs::create_dir_all(left.join("deep")).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        let foreign = parent.join("other");
        fs::create_dir(&foreign).unwrap();
        let second = RunDir::create(&parent, "run-").unwrap();
        assert!(first.path().exists() && second.path() != first.path());
        assert!(!left.exists() && foreign.exists());
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists());
        drop(second);
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 1);
        fs::remove_dir_all(&parent).unwrap();
    }

    #[test]
    fn what_a_killed_run_left_is_ended() {
        let parent = std::env::temp_dir().join(format!("xoff-left-{}", std::process::id()));
        let stale = parent.join("run-1-1");
        fs::create_dir_all(&stale).unwrap();
        fs::write(stale.join(LOCK), "").unwrap();
        let start = |name: &str| {
            let word = format!("uml_dir={}", parent.join(name).display());
            let mut command = Command::new("sh");
            // Two commands, or the shell becomes the last one.
            command.args(["-c", "echo; sleep 60; true", "sh", &word]);
            command.stdout(Stdio::piped()).process_group(0);
            let mut shell = command.spawn().unwrap();
            // `spawn` may return a moment before the kernel shows the arguments.
            let said = shell.stdout.as_mut().unwrap().read_exact(&mut [0]);
            said.map(|()| shell).unwrap()
        };
        let (mut left, mut other) = (start("run-1-1/"), start("run-1-10"));
        drop(RunDir::create(&parent, "run-").unwrap());
        assert_eq!(left.wait().unwrap().signal(), Some(9));
        assert!(other.try_wait().unwrap().is_none());
        for shell in [left, other] {
            let group = Pid::from_child(&shell);
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        fs::remove_dir_all(&parent).unwrap();
    }

    /// An empty directory that was made two minutes ago.
    fn old(parent: &Path, name: &str) -> PathBuf {
        let dir = parent.join(name);
        fs::create_dir_all(&dir).unwrap();
        age(&dir);
        dir
    }

    fn age(dir: &Path) {
        let then = std::time::SystemTime::now() - 2 * YOUNG;
        File::open(dir).unwrap().set_modified(then).unwrap();
    }

    #[test]
    fn only_a_missing_lock_is_none() {
        let parent = std::env::temp_dir().join(format!("xoff-nolock-{}", std::process::id()));
        let (none, strange) = (old(&parent, "run-1-0"), old(&parent, "run-2-0"));
        // A lock that there is and that cannot be opened, as for want of descriptors.
        std::os::unix::fs::symlink(LOCK, strange.join(LOCK)).unwrap();
        age(&strange);
        let young = parent.join("run-3-0");
        fs::create_dir(&young).unwrap();
        drop(RunDir::create(&parent, "run-").unwrap());
        assert!(!none.exists() && strange.exists() && young.exists());
        fs::remove_dir_all(&parent).unwrap();
    }

    #[test]
    fn who_is_swept_while_making_a_directory_makes_another() {
        let parent = std::env::temp_dir().join(format!("xoff-swept-{}", std::process::id()));
        let made = old(&parent, "run-1-0");
        let sweeper = File::create(made.join(LOCK)).unwrap();
        sweeper.lock().unwrap();
        let (path, moved) = (made.clone(), parent.join("gone"));
        let maker = std::thread::spawn(move || lock(&path));
        std::thread::sleep(Duration::from_millis(100));
        fs::rename(&made, &moved).unwrap();
        drop(sweeper);
        assert!(maker.join().unwrap().unwrap().is_none());
        assert!(lock(&made).unwrap().is_none(), "it is gone altogether");
        fs::remove_dir_all(&parent).unwrap();
    }
}
