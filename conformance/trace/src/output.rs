//! Files that are written: whole or not at all, and only in place of files.
//!
//! Every output of xoff is opened here. A regular file is written beside its place, without a name
//! where the system can do that, and gets its name when it is complete: readers see the old or the
//! new content, never a part, and whatever ends the program leaves nothing behind. What is no file
//! (a device, a pipe, standard output) is written to and never replaced.

use crate::signals;
use rustix::fs::{self as sys, Access, AtFlags, CWD, Mode, OFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Symlinks that are followed, as the kernel does.
const LINKS: usize = 40;
/// File system type of /proc (statfs(2)).
const PROC: i64 = 0x9fa0;

/// Which file something is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity(u64, u64);

impl Identity {
    fn of(metadata: &Metadata) -> Identity {
        Identity(metadata.dev(), metadata.ino())
    }

    fn of_stat(stat: &sys::Stat) -> Identity {
        Identity(stat.st_dev, stat.st_ino)
    }
}

/// What must not be overwritten, because this program reads it, and when it came to be: the number of
/// a file that was removed may be another's by now.
static INPUTS: Mutex<BTreeMap<Identity, Option<SystemTime>>> = Mutex::new(BTreeMap::new());
/// Temporary files that have a name.
static NAMED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn lock<T>(of: &'static Mutex<T>) -> MutexGuard<'static, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers a file that is read: no output may take its place.
pub fn is_input(file: &File) {
    if let Ok(metadata) = file.metadata()
        && metadata.is_file()
    {
        lock(&INPUTS).insert(Identity::of(&metadata), metadata.created().ok());
    }
}

/// Whether this names standard output.
pub fn is_stdout(path: &Path) -> bool {
    let names = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
    names.iter().any(|name| path == Path::new(name))
}

/// Removes what is half written. For when a signal ends the program.
fn remove_unfinished() {
    for path in std::mem::take(&mut *lock(&NAMED)) {
        let _ = fs::remove_file(path);
    }
}

/// Where an output goes.
#[derive(Debug)]
enum Place {
    Stdout,
    Stderr,
    /// What is written to as it is.
    Stream(PathBuf),
    /// A regular file, or none yet.
    File(PathBuf, Option<Metadata>),
}

impl Place {
    fn find(path: &Path) -> io::Result<Place> {
        if path == Path::new("-") {
            return Ok(Place::Stdout);
        }
        let mut path = path.to_owned();
        for _ in 0..LINKS {
            let metadata = match fs::symlink_metadata(&path) {
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Place::File(path, None)),
                other => other?,
            };
            if !metadata.is_symlink() {
                return Place::of(path, metadata);
            }
            // What links of /proc/self/fd lead to may have no name.
            if is_on_proc(directory(&path)) {
                let metadata = fs::metadata(&path)?;
                let place = standard(&metadata).unwrap_or(Place::Stream(path));
                return Ok(place);
            }
            path = directory(&path).join(fs::read_link(&path)?);
        }
        Err(sys_error(rustix::io::Errno::LOOP))
    }

    fn of(path: PathBuf, metadata: Metadata) -> io::Result<Place> {
        let kind = metadata.file_type();
        if kind.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        if kind.is_socket() {
            let text = "it is a socket, which is no place for a file";
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        let born = metadata.created().ok();
        if lock(&INPUTS).get(&Identity::of(&metadata)) == Some(&born) {
            let text = "it is an input of this run, which would be lost";
            return Err(io::Error::new(ErrorKind::InvalidInput, text));
        }
        Ok(match standard(&metadata) {
            Some(place) => place,
            None if kind.is_file() => Place::File(path, Some(metadata)),
            None => Place::Stream(path),
        })
    }
}

fn sys_error(error: rustix::io::Errno) -> io::Error {
    io::Error::from_raw_os_error(error.raw_os_error())
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) => Path::new("."),
        None => Path::new("/"),
    }
}

fn is_on_proc(directory: &Path) -> bool {
    sys::statfs(directory).is_ok_and(|found| found.f_type == PROC)
}

/// Standard output or standard error, if that is what this is: a second opening of a file would
/// write from its beginning.
fn standard(metadata: &Metadata) -> Option<Place> {
    let is = |stat: rustix::io::Result<sys::Stat>| {
        stat.is_ok_and(|stat| Identity::of_stat(&stat) == Identity::of(metadata))
    };
    if is(sys::fstat(io::stdout())) {
        Some(Place::Stdout)
    } else if is(sys::fstat(io::stderr())) {
        Some(Place::Stderr)
    } else {
        None
    }
}

/// Whether an output can go there, before there is anything to write.
///
/// # Errors
/// It is a directory, or an input of this run.
pub fn check(path: &Path) -> io::Result<()> {
    Place::find(path).map(drop)
}

/// Replaces a file, or writes to what is none.
///
/// # Errors
/// What writing gives.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut output = Output::create(path)?;
    output.write_all(content)?;
    output.commit()
}

/// An output that is being written.
#[derive(Debug)]
pub struct Output {
    sink: Sink,
    pending: Option<Pending>,
}

#[derive(Debug)]
enum Sink {
    Stdout(io::Stdout),
    Stderr(io::Stderr),
    File(File),
}

/// A file that is not in its place yet.
#[derive(Debug)]
struct Pending {
    place: PathBuf,
    /// What it replaces.
    old: Option<Metadata>,
    /// The name that it has until then; None: it has none.
    name: Option<PathBuf>,
}

impl Output {
    /// Opens an output; `-` is standard output.
    ///
    /// # Errors
    /// What opening gives; the path names a directory, or an input of this run.
    pub fn create(path: &Path) -> io::Result<Output> {
        let (sink, pending) = match Place::find(path)? {
            Place::Stdout => (Sink::Stdout(io::stdout()), None),
            Place::Stderr => (Sink::Stderr(io::stderr()), None),
            Place::Stream(path) => {
                let file = File::options().append(true).open(path)?;
                (Sink::File(file), None)
            }
            Place::File(place, old) => {
                if old.is_some() {
                    // A name can be replaced whatever its file allows.
                    sys::access(&place, Access::WRITE_OK).map_err(sys_error)?;
                }
                return match unnamed(&place) {
                    Some(file) => Ok(Output::pending(file, place, old, None)),
                    None => Output::named(place, old),
                };
            }
        };
        Ok(Output { sink, pending })
    }

    fn pending(file: File, place: PathBuf, old: Option<Metadata>, name: Option<PathBuf>) -> Output {
        Output {
            sink: Sink::File(file),
            pending: Some(Pending { place, old, name }),
        }
    }

    /// Under a name of its own, which a signal removes.
    fn named(place: PathBuf, old: Option<Metadata>) -> io::Result<Output> {
        let name = beside(&place)?;
        sweep(&place);
        // If signals cannot be caught, the next output of this name sweeps.
        signals::before_end(remove_unfinished);
        lock(&NAMED).insert(name.clone());
        let file = File::create(&name).inspect_err(|_| {
            lock(&NAMED).remove(&name);
        })?;
        // Says that somebody writes it still; not every file system can.
        let _ = file.try_lock();
        Ok(Output::pending(file, place, old, Some(name)))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// What writing or renaming gives; nothing is left of it then.
    pub fn commit(mut self) -> io::Result<()> {
        self.flush()?;
        let (Sink::File(file), Some(pending)) = (&self.sink, &mut self.pending) else {
            return Ok(());
        };
        if let Some(old) = &pending.old {
            // Not every user may give files away.
            let _ = fchown(file, Some(old.uid()), Some(old.gid()));
            let mode = old.permissions().mode() & 0o7777;
            file.set_permissions(fs::Permissions::from_mode(mode))?;
        }
        if pending.name.is_none() {
            let name = beside(&pending.place)?;
            give_name(file, &name)?;
            lock(&NAMED).insert(name.clone());
            pending.name = Some(name);
        }
        if let Some(name) = &pending.name {
            fs::rename(name, &pending.place)?;
            lock(&NAMED).remove(name);
        }
        self.pending = None;
        Ok(())
    }
}

/// A file without a name in the directory of `place`; None: the file system has none such.
fn unnamed(place: &Path) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = sys::openat(CWD, directory(place), flags, Mode::from_raw_mode(0o666)).ok()?;
    let file = File::from(file);
    // Without /proc it could not get one.
    through_proc(&file).exists().then_some(file)
}

fn through_proc(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn give_name(file: &File, name: &Path) -> io::Result<()> {
    let link = || sys::linkat(CWD, through_proc(file), CWD, name, AtFlags::SYMLINK_FOLLOW);
    match link() {
        // Left by a process of the same number that was killed.
        Err(rustix::io::Errno::EXIST) => {
            fs::remove_file(name).and_then(|()| link().map_err(sys_error))
        }
        other => other.map_err(sys_error),
    }
}

/// A name in the same directory, so that renaming cannot cross file systems.
fn beside(place: &Path) -> io::Result<PathBuf> {
    let name = place.file_name().ok_or(ErrorKind::InvalidInput)?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", std::process::id()));
    Ok(place.with_file_name(temporary))
}

/// Removes what processes that were killed left of the same output.
fn sweep(place: &Path) {
    let Some(name) = place.file_name() else {
        return;
    };
    let start = format!(".{}.", name.to_string_lossy());
    let entries = fs::read_dir(directory(place)).into_iter().flatten();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let owner = name.strip_prefix(&start);
        let owner = owner.and_then(|rest| rest.strip_suffix(".tmp")?.parse().ok());
        if owner.is_some_and(is_gone) {
            let unlocked = File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
            if unlocked {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Whether there is no such process.
fn is_gone(process: i32) -> bool {
    let process = rustix::process::Pid::from_raw(process).map(rustix::process::test_kill_process);
    process == Some(Err(rustix::io::Errno::SRCH))
}

impl Write for Output {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Stdout(out) => out.write(data),
            Sink::Stderr(out) => out.write(data),
            Sink::File(out) => out.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Stdout(out) => out.flush(),
            Sink::Stderr(out) => out.flush(),
            Sink::File(out) => out.flush(),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let name = self.pending.take().and_then(|pending| pending.name);
        if let Some(name) = name {
            // Nothing more can be done about a file that will not go.
            let _ = fs::remove_file(&name);
            lock(&NAMED).remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Dir {
            let dir = format!("xoff-output-{name}-{}", std::process::id());
            let dir = std::env::temp_dir().join(dir);
            fs::create_dir_all(&dir).unwrap();
            Dir(dir)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }

        fn entries(&self) -> usize {
            fs::read_dir(&self.0).unwrap().count()
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn replaced(output: io::Result<Output>, content: &[u8]) {
        let mut output = output.unwrap();
        output.write_all(content).unwrap();
        output.commit().unwrap();
    }

    #[test]
    fn files_appear_whole_and_keep_their_mode() {
        let dir = Dir::new("whole");
        let path = dir.path("a");
        for named in [false, true] {
            let create = || match named {
                false => Output::create(&path),
                true => Output::named(path.clone(), fs::metadata(&path).ok()),
            };
            let mut half = create().unwrap();
            half.write_all(b"half").unwrap();
            assert!(!path.exists());
            drop(half);
            assert_eq!(dir.entries(), 0);
            replaced(create(), b"old");
            let mode = fs::Permissions::from_mode(0o640);
            fs::set_permissions(&path, mode).unwrap();
            replaced(create(), b"new");
            assert_eq!(fs::read(&path).unwrap(), b"new");
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
            assert_eq!(dir.entries(), 1, "no temporary file is left");
            fs::remove_file(&path).unwrap();
        }
        assert!(Output::create(&dir.path("none/a")).is_err());
        assert!(Output::create(&dir.0).is_err());
        assert!(lock(&NAMED).iter().all(|name| !name.starts_with(&dir.0)));
    }

    #[test]
    fn symlinks_stay_and_what_they_lead_to_is_replaced() {
        let dir = Dir::new("links");
        for (name, to) in [("direct", "a"), ("twice", "direct"), ("new", "sub/none")] {
            symlink(to, dir.path(name)).unwrap();
        }
        fs::create_dir(dir.path("sub")).unwrap();
        fs::write(dir.path("a"), "old").unwrap();
        for (name, target) in [("direct", "a"), ("twice", "a"), ("new", "sub/none")] {
            write(&dir.path(name), name.as_bytes()).unwrap();
            assert!(fs::symlink_metadata(dir.path(name)).unwrap().is_symlink());
            assert_eq!(fs::read(dir.path(target)).unwrap(), name.as_bytes());
        }
        symlink("loop", dir.path("loop")).unwrap();
        assert!(write(&dir.path("loop"), b"").is_err());
    }

    #[test]
    fn devices_and_pipes_are_written_to() {
        let dir = Dir::new("devices");
        symlink("/dev/null", dir.path("null")).unwrap();
        for path in [Path::new("/dev/null"), &dir.path("null")] {
            write(path, b"gone").unwrap();
        }
        let null = fs::metadata("/dev/null").unwrap();
        assert!(null.file_type().is_char_device());
        let full = write(Path::new("/dev/full"), b"x").unwrap_err();
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        let fifo = dir.path("fifo");
        let kind = sys::FileType::Fifo;
        sys::mknodat(CWD, &fifo, kind, Mode::from_raw_mode(0o600), 0).unwrap();
        let from = fifo.clone();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            File::open(from).unwrap().read_to_string(&mut text).unwrap();
            text
        });
        write(&fifo, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), "through");
        assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());
    }

    #[test]
    fn open_files_are_written_through_their_descriptor() {
        let dir = Dir::new("descriptor");
        fs::write(dir.path("a"), "before ").unwrap();
        let open = File::options().append(true).open(dir.path("a")).unwrap();
        write(&through_proc(&open), b"after").unwrap();
        assert_eq!(fs::read(dir.path("a")).unwrap(), b"before after");
        let inode = fs::metadata(dir.path("a")).unwrap().ino();
        assert_eq!(inode, open.metadata().unwrap().ino());
    }

    #[test]
    fn an_input_is_no_output() {
        let dir = Dir::new("input");
        fs::write(dir.path("a"), "read").unwrap();
        fs::hard_link(dir.path("a"), dir.path("same")).unwrap();
        symlink("same", dir.path("link")).unwrap();
        is_input(&File::open(dir.path("a")).unwrap());
        for name in ["a", "same", "link"] {
            let error = write(&dir.path(name), b"").unwrap_err().to_string();
            assert!(error.contains("an input of this run"), "{error}");
            assert!(check(&dir.path(name)).is_err());
        }
        assert_eq!(fs::read(dir.path("a")).unwrap(), b"read");
        is_input(&File::open("/dev/null").unwrap());
        write(Path::new("/dev/null"), b"").unwrap();
    }

    #[test]
    fn what_a_killed_process_left_is_swept() {
        let dir = Dir::new("swept");
        // No process can have this number.
        let left = dir.path(&format!(".a.pcapng.{}.tmp", i32::MAX));
        let other = dir.path(&format!(".b.pcapng.{}.tmp", i32::MAX));
        let alive = dir.path(&format!(".a.pcapng.{}.tmp", 1));
        for path in [&left, &other, &alive] {
            fs::write(path, "").unwrap();
        }
        let output = Output::named(dir.path("a.pcapng"), None).unwrap();
        assert!(!left.exists() && other.exists() && alive.exists());
        output.commit().unwrap();
        assert!(dir.path("a.pcapng").exists());
    }

    #[test]
    fn a_signal_leaves_nothing() {
        let dir = Dir::new("signal");
        let output = Output::named(dir.path("a"), None).unwrap();
        let name = beside(&dir.path("a")).unwrap();
        assert!(name.exists() && lock(&NAMED).contains(&name));
        // Others of this process write at the same time.
        lock(&NAMED).retain(|path| *path == name);
        remove_unfinished();
        assert!(!name.exists());
        drop(output);
    }
}
