//! Cures as edits of the files: what is wished, and the lines that say it in the device's dialect.

use crate::device::Trust;
use crate::source::Span;

/// What a port or device should do. Each dialect turns it into lines of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Frames with this DSCP (or PCP) are in this class as they come in at the port.
    Classify {
        port: String,
        dscp: Option<u8>,
        pcp: Option<u8>,
        class: u8,
    },
    /// The port believes this marking.
    Trust { port: String, trust: Trust },
    /// The port has what the other port of the same device has: policies, PFC, trust, MTU.
    Like { port: String, other: String },
    /// PFC is on without negotiation, for this priority.
    Pfc { port: String, priority: u8 },
    /// The class is lossless, and pauses by this priority.
    NoDrop { class: u8, priority: u8 },
    /// Received pause of this priority stops the queue.
    Obey {
        port: String,
        priority: u8,
        queue: u8,
    },
    /// 802.3x is off.
    NoLinkPause { port: String },
    /// Largest IP packet, bytes.
    Mtu { port: String, bytes: u32 },
    /// The queue's share in percent.
    Share {
        port: String,
        queue: u8,
        percent: u32,
    },
    /// The queue marks between these lengths (bytes), and drops nothing early.
    Mark {
        port: String,
        queue: u8,
        min: u64,
        max: u64,
    },
    /// Bytes above XOFF.
    Headroom { port: String, group: u8, bytes: u64 },
    /// The watchdog runs on the port.
    Watchdog { port: String },
    /// The watchdog polls this often, microseconds.
    WatchdogPoll { micros: u64 },
    /// Frames of this VLAN have a tag at the port (switch), or leave with one (host).
    Tag { port: String, vlan: u16 },
    /// All RDMA of the host's port leaves with this DSCP, or in this priority where it has no DSCP.
    MarkRdma {
        port: String,
        dscp: Option<u8>,
        priority: u8,
    },
    /// The NIC's CNPs have this DSCP.
    MarkCnp { port: String, dscp: u8 },
    /// The host does not take the peer's DCB settings (or does).
    Willing { port: String, willing: bool },
    /// DCB acts on the adapter.
    AdapterQos { port: String },
    /// The line at this place goes.
    Delete(Span),
    /// The line at this place becomes these; they keep its indentation.
    Replace(Span, Vec<String>),
}

/// A change of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edit {
    pub at: At,
    /// Whole lines, without their ends. Empty for [`At::Instead`]: the lines go.
    pub lines: Vec<String>,
}

/// Where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// Before the first line.
    Begin,
    /// Behind this line.
    After(u32),
    /// Instead of these lines, both included.
    Instead(u32, u32),
    /// Behind the last line.
    End,
}

impl Edit {
    pub fn after(line: u32, lines: impl IntoIterator<Item = impl Into<String>>) -> Edit {
        Edit::at(At::After(line), lines)
    }

    pub fn instead(line: u32, lines: impl IntoIterator<Item = impl Into<String>>) -> Edit {
        Edit::at(At::Instead(line, line), lines)
    }

    pub fn end(lines: impl IntoIterator<Item = impl Into<String>>) -> Edit {
        Edit::at(At::End, lines)
    }

    fn at(at: At, lines: impl IntoIterator<Item = impl Into<String>>) -> Edit {
        Edit {
            at,
            lines: lines.into_iter().map(Into::into).collect(),
        }
    }
}

/// The text with these edits, each made once; line ends stay as they are. Edits of the same lines: the
/// first one counts.
pub fn apply(text: &str, edits: &[Edit]) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort_by_key(|e| e.at);
    edits.dedup();
    let mut out = String::with_capacity(text.len() + 256);
    let put = |out: &mut String, edit: &Edit| {
        for line in &edit.lines {
            out.push_str(line);
            out.push_str(end);
        }
    };
    let among = |at: At| edits.iter().filter(move |e| e.at == at);
    for edit in among(At::Begin) {
        put(&mut out, edit);
    }
    let mut skip_to = 0;
    for (line, number) in text.split_inclusive('\n').zip(1_u32..) {
        let instead = edits
            .iter()
            .find(|e| matches!(e.at, At::Instead(from, _) if from == number));
        match instead {
            Some(edit) if number > skip_to => {
                put(&mut out, edit);
                if let At::Instead(_, to) = edit.at {
                    skip_to = to;
                }
            }
            _ if number <= skip_to => {}
            _ => {
                out.push_str(line);
                let ends = line.ends_with('\n');
                if !ends
                    && edits
                        .iter()
                        .any(|e| matches!(e.at, At::After(n) if n >= number) || e.at == At::End)
                {
                    out.push_str(end);
                }
            }
        }
        for edit in among(At::After(number)) {
            put(&mut out, edit);
        }
    }
    for edit in among(At::End) {
        put(&mut out, edit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_made_in_the_order_of_lines() {
        let edits = [
            Edit::end(["z"]),
            Edit::after(2, ["b2"]),
            Edit::after(2, ["b2"]),
            Edit::instead(1, Vec::<String>::new()),
            Edit::at(At::Begin, ["0"]),
        ];
        assert_eq!(apply("a\r\nb\r\nc", &edits), "0\r\nb\r\nb2\r\nc\r\nz\r\n");
        assert_eq!(apply("a\nb", &[Edit::after(2, ["c"])]), "a\nb\nc\n");
        let block = Edit {
            at: At::Instead(1, 2),
            lines: vec!["x".into()],
        };
        assert_eq!(apply("a\nb\nc\n", &[block]), "x\nc\n");
    }
}
