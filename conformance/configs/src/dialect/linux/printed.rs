//! What tools print, as the commands that would set it: a paste with prompts becomes a script.

/// Each line as it was, or replaced by commands on the same line.
pub(super) fn as_commands(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut printer = Printer::default();
    let script = text.starts_with("#!");
    for line in text.lines() {
        match script {
            true => out.push_str(line),
            false => out.push_str(&printer.line(line)),
        }
        out.push('\n');
    }
    out
}

#[derive(Default)]
struct Printer {
    /// The command whose output this is.
    tool: String,
    nic: String,
    /// The traffic class that `tc:` named.
    tc: Option<u8>,
}

impl Printer {
    fn line(&mut self, line: &str) -> String {
        let text = line.trim();
        if let Some(command) = prompt(text) {
            return self.command(command, command);
        }
        if self.is_command(text) {
            return self.command(text, line);
        }
        match self.tool.as_str() {
            "mlnx_qos" => self.mlnx_qos(text),
            "dcb" => self.dcb(text),
            "ethtool -a" => self.pause(text),
            "cat" => self.cat(text),
            "" => line.to_owned(),
            // Output that says nothing here.
            _ => String::new(),
        }
    }

    fn is_command(&self, text: &str) -> bool {
        let first = text.split_whitespace().next().unwrap_or_default();
        let names = [
            "mlnx_qos",
            "dcb",
            "lldptool",
            "ethtool",
            "ip",
            "cat",
            "echo",
            "cma_roce_tos",
            "cma_roce_mode",
            "sudo",
            "export",
            "mlxconfig",
        ];
        names.contains(&first) && !matches!((self.tool.as_str(), first), ("dcb", "dcb"))
    }

    fn command(&mut self, command: &str, shown: &str) -> String {
        let words: Vec<&str> = command
            .split_whitespace()
            .filter(|w| *w != "sudo")
            .collect();
        let after = |names: &[&str]| {
            words
                .iter()
                .position(|w| names.contains(w))
                .and_then(|n| words.get(n + 1))
                .map(|w| (*w).to_owned())
        };
        self.tc = None;
        self.tool = match words.as_slice() {
            ["mlnx_qos", "-i" | "--interface", _] => "mlnx_qos".to_owned(),
            ["dcb", kind, "show", ..] => {
                let _ = kind;
                "dcb".to_owned()
            }
            ["ethtool", "-a" | "--show-pause", _] => "ethtool -a".to_owned(),
            ["cat", path] if path.starts_with("/sys") => {
                self.nic = (*path).to_owned();
                self.tool = "cat".to_owned();
                return shown.to_owned();
            }
            _ => String::new(),
        };
        self.nic = match self.tool.as_str() {
            "mlnx_qos" => after(&["-i", "--interface"]),
            "dcb" => after(&["dev"]),
            "ethtool -a" => words.get(2).map(|w| (*w).to_owned()),
            _ => None,
        }
        .unwrap_or_default();
        shown.to_owned()
    }

    /// The table of `mlnx_qos -i IF`.
    fn mlnx_qos(&mut self, text: &str) -> String {
        let nic = &self.nic;
        if let Some(trust) = text.strip_prefix("Priority trust state:") {
            return format!("mlnx_qos -i {nic} --trust {}", trust.trim());
        }
        if let Some(mode) = text.strip_prefix("DCBX mode:") {
            let mode = if mode.contains("Firmware") {
                "fw"
            } else {
                "os"
            };
            return format!("mlnx_qos -i {nic} --dcbx {mode}");
        }
        if let Some(list) = text.strip_prefix("enabled") {
            let list: Vec<&str> = list.split_whitespace().collect();
            if list.len() == 8 {
                return format!("mlnx_qos -i {nic} --pfc {}", list.join(","));
            }
        }
        if let Some(rest) = text.strip_prefix("prio:").filter(|r| r.contains("dscp:")) {
            let (priority, list) = rest.split_once("dscp:").unwrap_or_default();
            let sets = list
                .split([',', ' '])
                .filter_map(|d| d.trim().parse::<u8>().ok());
            let sets: Vec<String> = sets
                .map(|d| format!("mlnx_qos -i {nic} --dscp2prio set,{d},{}", priority.trim()))
                .collect();
            return sets.join("; ");
        }
        if let Some(rest) = text.strip_prefix("tc:") {
            let tc = rest
                .split_whitespace()
                .next()
                .and_then(|n| n.trim_end_matches(',').parse::<u8>().ok());
            self.tc = tc.filter(|n| *n < 8);
            let share = rest
                .split("bw:")
                .nth(1)
                .and_then(|b| b.trim().trim_end_matches('%').parse::<u32>().ok());
            return match (self.tc, share) {
                (Some(tc), Some(share)) => {
                    format!("dcb ets set dev {nic} tc-tsa {tc}:ets tc-bw {tc}:{share}")
                }
                (Some(tc), None) if rest.contains("strict") => {
                    format!("dcb ets set dev {nic} tc-tsa {tc}:strict")
                }
                _ => String::new(),
            };
        }
        if let (Some(priority), Some(tc)) = (text.strip_prefix("priority:"), self.tc) {
            return format!("dcb ets set dev {nic} prio-tc {}:{tc}", priority.trim());
        }
        String::new()
    }

    /// `dcb pfc show dev X` and its kin print what `set` takes.
    fn dcb(&mut self, text: &str) -> String {
        let nic = &self.nic;
        let key = text.split_whitespace().next().unwrap_or_default();
        match key {
            "prio-pfc" => format!("dcb pfc set dev {nic} {text}"),
            "prio-tc" | "tc-tsa" => format!("dcb ets set dev {nic} {text}"),
            "dscp-prio" => {
                let pairs: Vec<&str> = text.split_whitespace().skip(1).collect();
                format!("dcb app replace dev {nic} dscp-prio {}", pairs.join(" "))
            }
            _ => String::new(),
        }
    }

    fn pause(&mut self, text: &str) -> String {
        let nic = &self.nic;
        match text.split_once(':').map(|(k, v)| (k.trim(), v.trim())) {
            Some(("RX", value)) => format!("ethtool -A {nic} rx {value}"),
            Some(("TX", value)) => format!("ethtool -A {nic} tx {value}"),
            _ => String::new(),
        }
    }

    /// The value of the file that `cat` printed.
    fn cat(&mut self, text: &str) -> String {
        self.tool.clear();
        let path = std::mem::take(&mut self.nic);
        match text.len() < 40 && !text.is_empty() && !text.contains(['$', '`', '"', '\'']) {
            true => format!("echo {text} > {path}"),
            false => String::new(),
        }
    }
}

/// The command behind a prompt: `root@host:~# mlnx_qos -i eth0`, `$ dcb pfc show dev eth0`, `+ echo`.
fn prompt(text: &str) -> Option<&str> {
    for mark in ["$ ", "# ", "+ "] {
        if let Some(command) = text.strip_prefix(mark).filter(|_| mark != "# ") {
            return Some(command);
        }
        let Some((host, command)) = text.split_once(mark) else {
            continue;
        };
        let looks = host.contains('@') && !host.contains(' ')
            || host.starts_with('[') && host.ends_with(']');
        if looks && mark != "+ " {
            return Some(command);
        }
    }
    None
}
