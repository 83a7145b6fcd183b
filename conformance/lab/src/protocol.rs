//! What xoff and its agent in a guest say to each other: one JSON value per line.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

/// The longest line.
const MAX_LINE: u64 = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ToGuest {
    /// Make network and device.
    Setup(Setup),
    /// Run this with `sh -c`.
    Run { command: String },
    /// The same with a standard input, and go on listening while it runs.
    Start { command: String },
    /// More of its standard input.
    Input { text: String },
    /// The end of its standard input.
    EndInput,
    /// Say the counters.
    Collect,
    /// Power off.
    Off,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) name: String,
    pub(super) host: usize,
    /// IPv4 addresses of the first interfaces of all hosts, in order.
    pub(super) addresses: Vec<String>,
    /// Those of this host's interfaces: vec0, vec1, ...
    pub(super) interfaces: Vec<String>,
    /// `rxe` or `siw`.
    pub(super) driver: String,
    pub(super) mtu: u32,
    /// Where commands run.
    pub(super) directory: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromGuest {
    /// The first process of the guest has started.
    Hello,
    /// The device is active.
    Active,
    Output {
        error: bool,
        text: String,
    },
    Ended {
        status: i32,
        ran_ms: u64,
    },
    Counters(BTreeMap<String, u64>),
    Failed {
        message: String,
    },
}

/// The next message; None at the end. Lines that are no message, such as what a kernel prints, are
/// passed over.
pub(super) fn read<T: for<'a> Deserialize<'a>>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    loop {
        let mut line = Vec::new();
        let mut limited = from.by_ref().take(MAX_LINE);
        if limited.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if let Ok(message) = serde_json::from_slice(&line) {
            return Ok(Some(message));
        }
    }
}

/// One line.
pub(super) fn line<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// The text at the beginning; a character that is not complete yet stays, unless this is the end.
pub(super) fn take_text(bytes: &mut Vec<u8>, end: bool) -> String {
    let cut = match std::str::from_utf8(bytes) {
        Err(e) if e.error_len().is_none() && !end => e.valid_up_to(),
        _ => bytes.len(),
    };
    let rest = bytes.split_off(cut);
    let text = String::from_utf8_lossy(bytes).into_owned();
    *bytes = rest;
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_noise() {
        let mut bytes = b"[    0.0] Linux version 6.12\r\n\xff\xfe\n{\"hello\":1}\n".to_vec();
        let sent = [
            FromGuest::Hello,
            FromGuest::Output {
                error: true,
                text: "a\n\"b\"".to_owned(),
            },
        ];
        for message in &sent {
            bytes.extend(line(message).unwrap());
        }
        let mut from = &bytes[..];
        for message in sent {
            assert_eq!(read(&mut from).unwrap(), Some(message));
        }
        assert_eq!(read::<FromGuest>(&mut from).unwrap(), None);
    }

    #[test]
    fn characters_are_not_cut() {
        let mut bytes = "aé".as_bytes()[..2].to_vec();
        assert_eq!(take_text(&mut bytes, false), "a");
        bytes.push(0xa9);
        assert_eq!(take_text(&mut bytes, false), "é");
        assert!(bytes.is_empty());
        let mut wrong = vec![0xff, b'b', 0xc3];
        assert_eq!(take_text(&mut wrong, false), "\u{fffd}b\u{fffd}");
    }
}
