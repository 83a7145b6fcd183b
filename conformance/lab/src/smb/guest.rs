//! What is asked of a guest, done there.

use super::ClientState;
use super::protocol::{Ask, Copied, Mount, Mounted, Place, Tell};
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::FileExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const CONFIGURATION: &str = "/tmp/ksmbd/ksmbd.conf";
const USERS: &str = "/tmp/ksmbd/users";
const SHARE: &str = "/tmp/share";
const MOUNTED: &str = "/tmp/mounted";
const LOCAL: &str = "/tmp/local";
/// TCP port of SMB.
const PORT: u16 = 445;
/// How long ksmbd may take until it listens.
const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of a copy that are moved at a time.
const PIECE: usize = 256 << 10;
/// The kernel's lines that are told.
const MAX_LINES: usize = 40;

/// Answers until the end of input. Fails only if nobody hears.
///
/// # Errors
/// Input or output is broken.
pub fn serve(input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    for line in input.lines() {
        let told = match serde_json::from_str(&line?) {
            Ok(ask) => answer(ask, &mut output).unwrap_or_else(|e| Tell::Failed(e.to_string())),
            Err(e) => Tell::Failed(format!("it was asked what it cannot understand: {e}")),
        };
        tell(&mut output, &told)?;
    }
    Ok(())
}

fn tell(output: &mut impl Write, told: &Tell) -> io::Result<()> {
    let mut line = serde_json::to_vec(told)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}

fn answer(ask: Ask, output: &mut impl Write) -> io::Result<Tell> {
    let done = |()| Tell::Done;
    match ask {
        Ask::Serve { multichannel } => start(multichannel).map(done),
        Ask::DropDevices => drop_devices().map(done),
        Ask::Mount(how) => mount(&how).map(Tell::Mounted),
        Ask::Unmount => run("umount", &[MOUNTED]).map(|_| Tell::Done),
        Ask::Make { name, bytes, seed } => make(&name, bytes, seed).map(done),
        Ask::Copy {
            from,
            to,
            name,
            announce,
        } => {
            let mut half = || match announce {
                true => tell(output, &Tell::Half),
                false => Ok(()),
            };
            copy(&path(from, &name), &path(to, &name), &mut half).map(Tell::Copied)
        }
        Ask::Hash { at, name } => hash(&path(at, &name)).map(Tell::Hash),
        Ask::State => Ok(Tell::State(ClientState::read(
            &fs::read_to_string("/proc/fs/cifs/DebugData").unwrap_or_default(),
            &fs::read_to_string("/proc/net/tcp").unwrap_or_default(),
        ))),
        Ask::Cut { interface, ms } => cut(interface, Duration::from_millis(ms)).map(done),
        Ask::Kernel => kernel().map(Tell::Kernel),
    }
}

fn path(place: Place, name: &str) -> PathBuf {
    let dir = match place {
        Place::Local => LOCAL,
        Place::Share => SHARE,
        Place::Mounted => MOUNTED,
    };
    Path::new(dir).join(name)
}

fn run(program: &str, arguments: &[&str]) -> io::Result<Output> {
    let line = format!("{program} {}", arguments.join(" "));
    let failed = |why: &str| io::Error::other(format!("`{line}`: {}", why.trim()));
    let ran = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    let ran = ran.map_err(|e| failed(&e.to_string()))?;
    match ran.status.success() {
        true => Ok(ran),
        false => Err(failed(&String::from_utf8_lossy(&ran.stderr))),
    }
}

fn start(multichannel: bool) -> io::Result<()> {
    fs::create_dir_all(SHARE)?;
    fs::set_permissions(SHARE, Permissions::from_mode(0o777))?;
    fs::create_dir_all("/tmp/ksmbd")?;
    let multichannel = if multichannel { "yes" } else { "no" };
    let text = format!(
        "[global]\nnetbios name = LAB\nserver multi channel support = {multichannel}\n\
         [share]\npath = {SHARE}\nread only = no\nguest ok = no\n"
    );
    fs::write(CONFIGURATION, text)?;
    fs::write(USERS, "")?;
    let add = ["-c", CONFIGURATION, "-i", USERS, "-a", "u", "-p", "pw"];
    run("ksmbd.adduser", &add)?;
    let daemon = ["-c", CONFIGURATION, "-u", USERS, "-n0"];
    let mut child = Command::new("ksmbd.mountd")
        .args(daemon)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let begun = Instant::now();
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    while begun.elapsed() < PATIENCE {
        if TcpStream::connect_timeout(&here, Duration::from_millis(200)).is_ok() {
            return Ok(());
        }
        // What is left when it has ended well is its daemon.
        if let Some(status) = child.try_wait()?
            && !status.success()
        {
            return Err(io::Error::other(format!("ksmbd.mountd ended: {status}")));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Err(io::Error::other("ksmbd does not listen"))
}

fn drop_devices() -> io::Result<()> {
    for device in fs::read_dir("/sys/class/infiniband")? {
        let name = device?.file_name().to_string_lossy().into_owned();
        run("rdma", &["link", "delete", &name])?;
    }
    Ok(())
}

/// Without a cache, every read and write is one at the server. The client probes dead channels
/// every second.
fn mount(how: &Mount) -> io::Result<Mounted> {
    fs::create_dir_all(MOUNTED)?;
    let server = &how.server;
    let mut options =
        format!("ip={server},username=u,password=pw,vers=3.1.1,cache=none,echo_interval=1");
    if how.rdma {
        options.push_str(",rdma");
    }
    if how.channels > 1 {
        options.push_str(&format!(",multichannel,max_channels={}", how.channels));
    }
    let begun = Instant::now();
    let mut child = Command::new("mount")
        .args(["-t", "cifs", &format!("//{server}/share"), MOUNTED, "-o"])
        .arg(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let limit = Duration::from_millis(how.limit_ms);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status.code().unwrap_or(-1));
        }
        if begun.elapsed() > limit {
            // The client cannot be stopped while it waits for the server to answer.
            break None;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let mut message = String::new();
    if let (Some(mut from), Some(_)) = (child.stderr.take(), status) {
        from.read_to_string(&mut message)?;
    }
    Ok(Mounted {
        status,
        message: message.lines().next().unwrap_or_default().to_owned(),
        ms: millis(begun),
    })
}

/// Noise by splitmix64.
fn make(name: &str, bytes: u64, seed: u64) -> io::Result<()> {
    fs::create_dir_all(LOCAL)?;
    let mut file = io::BufWriter::new(File::create(path(Place::Local, name))?);
    let mut state = seed;
    let mut left = bytes;
    while left > 0 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let word = (z ^ (z >> 31)).to_le_bytes();
        let len = left.min(word.len() as u64);
        file.write_all(word.get(..len as usize).unwrap_or_default())?;
        left -= len;
    }
    file.flush()
}

fn copy(from: &Path, to: &Path, half: &mut dyn FnMut() -> io::Result<()>) -> io::Result<Copied> {
    let begun = Instant::now();
    let mut copied = Copied::default();
    let moved = move_all(from, to, &mut copied, half);
    copied.error = moved.err().map(|e| e.to_string());
    copied.ms = millis(begun);
    Ok(copied)
}

fn move_all(
    from: &Path,
    to: &Path,
    copied: &mut Copied,
    half: &mut dyn FnMut() -> io::Result<()>,
) -> io::Result<()> {
    let mut source = File::open(from)?;
    let middle = source.metadata()?.len() / 2;
    let mut target = File::create(to)?;
    let mut buffer = vec![0; PIECE];
    let mut announced = false;
    loop {
        let begun = Instant::now();
        let len = source.read(&mut buffer)?;
        let piece = buffer.get(..len).unwrap_or_default();
        let at = copied.bytes;
        patiently(&mut target, to, |file| file.write_all_at(piece, at))?;
        if len == 0 {
            patiently(&mut target, to, File::sync_all)?;
        }
        copied.longest_ms = copied.longest_ms.max(millis(begun));
        copied.bytes += len as u64;
        if len == 0 {
            return Ok(());
        }
        if !announced && copied.bytes >= middle {
            announced = true;
            half()?;
        }
    }
}

/// While a session looks for another channel, the client may refuse for the moment (EAGAIN), or have
/// lost the open file (EBADF; see D-CIFS-04): opened again, the same is right.
fn patiently(
    file: &mut File,
    path: &Path,
    act: impl Fn(&File) -> io::Result<()>,
) -> io::Result<()> {
    const TRIES: u32 = 50;
    const LOST: i32 = rustix::io::Errno::BADF.raw_os_error();
    for _ in 1..TRIES {
        match act(file) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock || e.raw_os_error() == Some(LOST) => {
                thread::sleep(Duration::from_millis(100));
                if let Ok(again) = File::options().write(true).open(path) {
                    *file = again;
                }
            }
            done => return done,
        }
    }
    act(file)
}

fn hash(file: &Path) -> io::Result<String> {
    let ran = run("sha256sum", &[&file.to_string_lossy()])?;
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let hash = text.split_whitespace().next().unwrap_or_default();
    Ok(hash.to_owned())
}

fn cut(interface: usize, time: Duration) -> io::Result<()> {
    let name = format!("vec{interface}");
    run("ip", &["link", "set", &name, "down"])?;
    thread::spawn(move || {
        thread::sleep(time);
        // Nobody could be told: it shows as a connection that does not come back.
        let _ = run("ip", &["link", "set", &name, "up"]);
    });
    Ok(())
}

fn kernel() -> io::Result<Vec<String>> {
    let ran = run("dmesg", &[])?;
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let about = |line: &&str| {
        let line = line.to_ascii_lowercase();
        ["cifs", "ksmbd", "smb"]
            .iter()
            .any(|word| line.contains(word))
    };
    let lines: Vec<String> = text.lines().filter(about).map(str::to_owned).collect();
    let skipped = lines.len().saturating_sub(MAX_LINES);
    Ok(lines.into_iter().skip(skipped).collect())
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
