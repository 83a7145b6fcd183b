//! What runs in a guest, as its first process: makes network and RDMA device, runs commands, reads
//! counters. It speaks on a serial line; when that closes, the guest ends.

use super::protocol::{self, FromGuest, Setup, ToGuest};
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, reboot, sethostname};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const LINE: &str = "/dev/ttyS0";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How long a device may take until it is active.
const PATIENCE: Duration = Duration::from_secs(20);

/// The guest's life. Returns only if powering off failed.
pub fn main() {
    if let Err(error) = live() {
        // The console is all that is left.
        let _ = writeln!(io::stderr().lock(), "xoff agent: {error}");
    }
    power_off();
}

fn power_off() {
    rustix::fs::sync();
    let _ = reboot(RebootCommand::PowerOff);
}

/// The line to xoff.
#[derive(Clone)]
struct Speaker(Arc<Mutex<File>>);

impl Speaker {
    fn say(&self, message: &FromGuest) -> io::Result<()> {
        let line = protocol::line(message)?;
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)
    }
}

fn live() -> io::Result<()> {
    mount_at("proc", "/proc")?;
    mount_at("sysfs", "/sys")?;
    mount_at("devtmpfs", "/dev")?;
    let file = File::options().read(true).write(true).open(LINE)?;
    let mut raw = tcgetattr(&file)?;
    raw.make_raw();
    tcsetattr(&file, OptionalActions::Now, &raw)?;
    let messages = listen(file.try_clone()?);
    let speaker = Speaker(Arc::new(Mutex::new(file)));
    speaker.say(&FromGuest::Hello)?;
    let (mut setup, mut input) = (None, None);
    for message in messages {
        match message {
            ToGuest::Setup(given) => {
                match make(&given) {
                    Ok(()) => speaker.say(&FromGuest::Active)?,
                    Err(message) => speaker.say(&FromGuest::Failed { message })?,
                }
                setup = Some(given);
            }
            ToGuest::Run { command } => {
                if let Some(child) = shell(&command, setup.as_ref(), Stdio::null(), &speaker)? {
                    attend(child, &speaker)?;
                }
            }
            ToGuest::Start { command } => {
                let child = shell(&command, setup.as_ref(), Stdio::piped(), &speaker)?;
                input = child.and_then(|child| begin(child, &speaker));
            }
            ToGuest::Input { text } => {
                // One that has ended says so itself.
                let _ = input.as_mut().map(|to| to.write_all(text.as_bytes()));
            }
            ToGuest::EndInput => input = None,
            ToGuest::Collect => speaker.say(&FromGuest::Counters(counters()))?,
            ToGuest::Off => break,
        }
    }
    Ok(())
}

/// Messages of xoff. When it is gone, nothing here has a purpose.
fn listen(file: File) -> Receiver<ToGuest> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut from = BufReader::new(file);
        while let Ok(Some(message)) = protocol::read(&mut from) {
            if sender.send(message).is_err() {
                break;
            }
        }
        power_off();
    });
    receiver
}

fn mount_at(kind: &str, at: &str) -> io::Result<()> {
    let mounted = mount("none", at, kind, MountFlags::empty(), None);
    mounted.map_err(|e| io::Error::other(format!("cannot mount {kind} at {at}: {e}")))
}

fn make(setup: &Setup) -> Result<(), String> {
    let said = |e: io::Error| e.to_string();
    // Before /tmp is covered: the directory may be below it.
    if std::env::set_current_dir(&setup.directory).is_err() {
        std::env::set_current_dir("/").map_err(said)?;
    }
    for at in ["/dev/shm", "/dev/pts"] {
        fs::create_dir_all(at).map_err(said)?;
    }
    // Only who wants a terminal misses it.
    let _ = mount_at("devpts", "/dev/pts");
    for at in ["/run", "/tmp", "/dev/shm"] {
        mount_at("tmpfs", at).map_err(said)?;
    }
    sethostname(setup.name.as_bytes()).map_err(|e| format!("cannot set the name: {e}"))?;
    call(&["ip", "link", "set", "lo", "up"])?;
    for (index, address) in setup.interfaces.iter().enumerate() {
        make_interface(setup, index, address)?;
    }
    for (index, address) in setup.interfaces.iter().enumerate() {
        wait_active(setup, index, address)?;
    }
    Ok(())
}

/// One interface, and an RDMA device on it.
fn make_interface(setup: &Setup, index: usize, address: &str) -> Result<(), String> {
    let (mtu, interface) = (setup.mtu.to_string(), format!("vec{index}"));
    let (device, net) = (device(setup, index), format!("{address}/24"));
    let (driver, interface) = (setup.driver.as_str(), interface.as_str());
    let net6 = format!("{}/64", address6(setup, index));
    call(&["ip", "link", "set", interface, "mtu", &mtu])?;
    call(&["ip", "addr", "add", &net, "dev", interface])?;
    if has_ipv6() {
        // Neighbours are not asked for while the link-local address is tentative.
        let dad = format!("/proc/sys/net/ipv6/conf/{interface}/accept_dad");
        fs::write(&dad, "0").map_err(|e| format!("cannot write {dad}: {e}"))?;
    }
    call(&["ip", "link", "set", interface, "up"])?;
    if has_ipv6() {
        call(&["ip", "-6", "addr", "add", &net6, "dev", interface, "nodad"])?;
    }
    call(&[
        "rdma", "link", "add", &device, "type", driver, "netdev", interface,
    ])
}

/// A kernel without is fine, too.
fn has_ipv6() -> bool {
    Path::new("/proc/net/if_inet6").exists()
}

/// Beside the IPv4 address: an own network for every interface.
fn address6(setup: &Setup, index: usize) -> Ipv6Addr {
    let last = u16::try_from(setup.host)
        .unwrap_or(u16::MAX)
        .saturating_add(1);
    let network = u16::try_from(index).unwrap_or(u16::MAX);
    Ipv6Addr::new(0xfd00, 9, network, 0, 0, 0, 0, last)
}

fn device(setup: &Setup, index: usize) -> String {
    format!("{}{index}", setup.driver)
}

fn call(words: &[&str]) -> Result<(), String> {
    let line = words.join(" ");
    let Some((program, arguments)) = words.split_first() else {
        return Ok(());
    };
    let ran = Command::new(program)
        .args(arguments)
        .env("PATH", PATH)
        .output();
    let ran = ran.map_err(|e| format!("cannot run `{line}`: {e}"))?;
    match ran.status.success() {
        true => Ok(()),
        false => Err(format!(
            "`{line}`: {}",
            String::from_utf8_lossy(&ran.stderr).trim()
        )),
    }
}

/// The port is active, and rxe has the GID of the address.
fn wait_active(setup: &Setup, index: usize, address: &str) -> Result<(), String> {
    let port = format!("/sys/class/infiniband/{}/ports/1", device(setup, index));
    let begun = Instant::now();
    let mut state = String::new();
    while begun.elapsed() < PATIENCE {
        state = fs::read_to_string(format!("{port}/state")).unwrap_or_default();
        let known = setup.driver != "rxe" || has_gids(setup, index, &port, address);
        if state.contains("ACTIVE") && known {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err(format!(
        "{} is not active: {}",
        device(setup, index),
        state.trim()
    ))
}

/// RoCE names an IPv4 address as its IPv6 mapping.
fn has_gids(setup: &Setup, index: usize, port: &str, address: &str) -> bool {
    let Ok(address) = address.parse::<Ipv4Addr>() else {
        return false;
    };
    let v6 = has_ipv6().then(|| address6(setup, index));
    let gid = |at: u8| fs::read_to_string(format!("{port}/gids/{at}")).ok();
    let gids: Vec<Ipv6Addr> = (0..16)
        .filter_map(|at| gid(at)?.trim().parse().ok())
        .collect();
    let mut wanted = [Some(address.to_ipv6_mapped()), v6].into_iter().flatten();
    wanted.all(|gid| gids.contains(&gid))
}

/// None, and told, if there is no shell.
fn shell(
    command: &str,
    setup: Option<&Setup>,
    input: Stdio,
    speaker: &Speaker,
) -> io::Result<Option<Running>> {
    let begun = Instant::now();
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command).stdin(input);
    shell.stdout(Stdio::piped()).stderr(Stdio::piped());
    shell.env("PATH", PATH).env("HOME", "/tmp");
    if let Some(setup) = setup {
        environment(&mut shell, setup);
    }
    match shell.spawn() {
        Ok(child) => Ok(Some(Running { child, begun })),
        Err(e) => {
            let message = format!("cannot run /bin/sh: {e}");
            speaker.say(&FromGuest::Failed { message })?;
            Ok(None)
        }
    }
}

struct Running {
    child: Child,
    begun: Instant,
}

/// Attends to it elsewhere; gives its standard input.
fn begin(mut running: Running, speaker: &Speaker) -> Option<ChildStdin> {
    let input = running.child.stdin.take();
    let speaker = speaker.clone();
    thread::spawn(move || attend(running, &speaker));
    input
}

/// Tells what it says until it has ended.
fn attend(running: Running, speaker: &Speaker) -> io::Result<()> {
    let Running { mut child, begun } = running;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(|| relay(out, false, speaker));
        scope.spawn(|| relay(err, true, speaker));
    });
    let ended = child.wait()?;
    let signal = ended.signal().map(|signal| 128 + signal);
    speaker.say(&FromGuest::Ended {
        status: ended.code().or(signal).unwrap_or(-1),
        ran_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

fn environment(shell: &mut Command, setup: &Setup) {
    let count = setup.addresses.len().max(1);
    let address = |host: usize| setup.addresses.get(host % count).map_or("", String::as_str);
    shell.env("XOFF_HOST", setup.host.to_string());
    shell.env("XOFF_NAME", &setup.name);
    shell.env("XOFF_HOSTS", setup.addresses.join(" "));
    shell.env("XOFF_ADDR", address(setup.host));
    shell.env("XOFF_PEER", address(setup.host + 1));
    shell.env("XOFF_DEVICE", device(setup, 0));
}

fn relay(from: Option<impl Read>, error: bool, speaker: &Speaker) {
    let Some(mut from) = from else {
        return;
    };
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let len = from.read(&mut buffer).unwrap_or_default();
        bytes.extend_from_slice(buffer.get(..len).unwrap_or_default());
        let text = protocol::take_text(&mut bytes, len == 0);
        let said = text.is_empty() || speaker.say(&FromGuest::Output { error, text }).is_ok();
        if len == 0 || !said {
            return;
        }
    }
}

/// Every counter of RDMA devices, of their interfaces, and of the Internet protocols.
fn counters() -> BTreeMap<String, u64> {
    let mut counters = BTreeMap::new();
    let devices = fs::read_dir("/sys/class/infiniband").into_iter().flatten();
    for device in devices.filter_map(Result::ok) {
        let name = device.file_name().to_string_lossy().into_owned();
        for kind in ["counters", "hw_counters"] {
            read_all(
                &device.path().join("ports/1").join(kind),
                &name,
                &mut counters,
            );
        }
    }
    let interfaces = fs::read_dir("/sys/class/net").into_iter().flatten();
    for interface in interfaces.filter_map(Result::ok) {
        let name = interface.file_name().to_string_lossy().into_owned();
        if name.starts_with("vec") {
            read_all(&interface.path().join("statistics"), &name, &mut counters);
        }
    }
    for file in ["/proc/net/snmp", "/proc/net/netstat"] {
        let text = fs::read_to_string(file).unwrap_or_default();
        read_protocols(&text, &mut counters);
    }
    counters
}

/// Pairs of lines: a protocol with the names of its counters, and with their values. Some have a
/// sign: those that are below zero are none.
fn read_protocols(text: &str, counters: &mut BTreeMap<String, u64>) {
    let mut lines = text.lines().filter_map(|line| line.split_once(": "));
    while let (Some((protocol, names)), Some((same, values))) = (lines.next(), lines.next()) {
        if protocol != same {
            return;
        }
        for (name, value) in names.split(' ').zip(values.split(' ')) {
            if let Ok(value) = value.parse() {
                counters.insert(format!("net/{protocol}{name}"), value);
            }
        }
    }
}

fn read_all(dir: &Path, owner: &str, counters: &mut BTreeMap<String, u64>) {
    for entry in fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
    {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let name = entry.file_name().to_string_lossy().into_owned();
        if let (Ok(value), false) = (text.trim().parse(), name == "lifespan") {
            counters.insert(format!("{owner}/{name}"), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_protocols_are_read() {
        let text = "Tcp: MaxConn RetransSegs InErrs\nTcp: -1 7 0\nTcpExt: TCPTimeouts\nTcpExt: 3\n\
                    Udp: a\nIp: 5\n";
        let mut counters = BTreeMap::new();
        read_protocols(text, &mut counters);
        let found: Vec<(&str, u64)> = counters.iter().map(|(n, v)| (n.as_str(), *v)).collect();
        let wanted = [
            ("net/TcpExtTCPTimeouts", 3),
            ("net/TcpInErrs", 0),
            ("net/TcpRetransSegs", 7),
        ];
        assert_eq!(found, wanted);
    }

    /// Gives its pieces one at a time.
    struct Pieces(Vec<&'static [u8]>);

    impl Read for Pieces {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let Some(piece) = (!self.0.is_empty()).then(|| self.0.remove(0)) else {
                return Ok(0);
            };
            to[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn output_keeps_its_characters() {
        let path = std::env::temp_dir().join(format!("xoff-relay-{}", std::process::id()));
        let speaker = Speaker(Arc::new(Mutex::new(File::create(&path).unwrap())));
        relay(
            Some(Pieces(vec![b"a\xc3", b"\xa9b", b"\xe2\x82"])),
            true,
            &speaker,
        );
        let said = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let mut from = &said[..];
        let mut texts = Vec::new();
        while let Some(FromGuest::Output { error, text }) = protocol::read(&mut from).unwrap() {
            assert!(error);
            texts.push(text);
        }
        assert_eq!(texts, ["a", "\u{e9}b", "\u{fffd}"]);
    }
}
