//! Directories that last as long as a process: removed at its end, or, if it was killed, by the
//! next one.

use super::LabError;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Held locked by the process that owns the directory.
const LOCK: &str = "lock";
/// A directory without a lock may just have been made.
const YOUNG: Duration = Duration::from_secs(60);

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
        let path = loop {
            let name = format!("{prefix}{}-{number}", std::process::id());
            let path = parent.join(name);
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => break path,
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && number < 10_000 => {
                    number += 1;
                }
                Err(e) => return Err(failed(e)),
            }
        };
        let lock = File::create(path.join(LOCK)).map_err(failed)?;
        lock.lock().map_err(failed)?;
        Ok(RunDir { path, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        // The next one sweeps what stays.
        let _ = fs::remove_dir_all(&self.path);
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
        if ours && is_stale(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_stale(dir: &Path) -> bool {
    match File::open(dir.join(LOCK)) {
        Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
        Err(_) => {
            let made = fs::symlink_metadata(dir).and_then(|m| m.modified());
            made.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > YOUNG))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
