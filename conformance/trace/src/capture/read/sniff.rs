//! What a file seems to be that is no capture of a kind that is read here.

/// Files that people mistake for captures, or captures of other kinds, by how they begin.
const MAGIC: [(&[u8], &str); 24] = [
    (
        b"snoop\0\0\0",
        "a snoop capture; `editcap -F pcapng` converts it",
    ),
    (
        b"GMBU",
        "a Network Monitor 2 capture; `editcap -F pcapng` converts it",
    ),
    (
        b"RTSS",
        "a Network Monitor 1 capture; `editcap -F pcapng` converts it",
    ),
    (
        b"XCP\0",
        "a Sniffer or NetXRay capture; `editcap -F pcapng` converts it",
    ),
    (
        b"TRSNIFF data",
        "a Sniffer capture; `editcap -F pcapng` converts it",
    ),
    (&[0xa1, 0xb2, 0xcd, 0x34], PATCHED),
    (&[0x34, 0xcd, 0xb2, 0xa1], PATCHED),
    (
        &[0x0a, 0x0d, 0x0d, 0x0a],
        "a pcapng file with a damaged section header",
    ),
    (&[0x1f, 0x8b], "gzip data inside gzip data"),
    (b"BZh", "bzip2 data; unpack it first"),
    (
        &[0xfd, b'7', b'z', b'X', b'Z', 0],
        "xz data; unpack it first",
    ),
    (&[0x28, 0xb5, 0x2f, 0xfd], "Zstandard data; unpack it first"),
    (&[0x04, 0x22, 0x4d, 0x18], "LZ4 data; unpack it first"),
    (b"PK\x03\x04", "a ZIP archive; unpack it first"),
    (
        b"version https://git-lfs",
        "a Git LFS pointer; fetch the file itself",
    ),
    (
        b"<!doctype html",
        "an HTML page, perhaps of a failed download",
    ),
    (b"<html", "an HTML page, perhaps of a failed download"),
    (b"<?xml", "an XML document"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "an ELF program"),
    (b"MZ", "a Windows program"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89PNG", "a picture"),
    (b"{", "JSON text"),
];

const PATCHED: &str =
    "a pcap file of a patched libpcap, with longer records; `editcap -F pcapng` converts it";

/// In words, from the first bytes of the file.
pub(super) fn describe(head: &[u8]) -> String {
    if head.is_empty() {
        return "an empty file".to_owned();
    }
    let begins = |magic: &[u8]| {
        let start = head.get(..magic.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(magic))
    };
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| begins(magic)) {
        return (*what).to_owned();
    }
    if looks_like_erf(head) {
        return "an Endace ERF capture; `editcap -F pcapng` converts it".to_owned();
    }
    if is_text(head) {
        return "text".to_owned();
    }
    let bytes: Vec<String> = head.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("unknown data that begin with {}", bytes.join(" "))
}

/// ERF has no magic number: the first record must be Ethernet with lengths that fit.
fn looks_like_erf(head: &[u8]) -> bool {
    let Some(record) = head.first_chunk::<16>() else {
        return false;
    };
    let seconds = u32::from_le_bytes([record[4], record[5], record[6], record[7]]);
    let length = u16::from_be_bytes([record[10], record[11]]);
    let wire = u16::from_be_bytes([record[14], record[15]]);
    // From 1995 on.
    seconds > 0x3000_0000 && record[8] & 0x7f == 2 && length >= 16 && (14..=9_700).contains(&wire)
}

fn is_text(head: &[u8]) -> bool {
    // The last character may be cut.
    let whole = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => {
            std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let fine = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    !whole.is_empty() && whole.chars().all(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_recognised_by_their_beginning() {
        let mut erf = vec![0; 8];
        erf[4..8].copy_from_slice(&0x6000_0000_u32.to_le_bytes());
        erf.extend([2, 4, 0, 80, 0, 0, 0, 64]);
        for (head, word) in [
            (&b""[..], "empty"),
            (b"snoop\0\0\0\0\0\0\x02", "snoop"),
            (b"<!DOCTYPE HTML><html>", "HTML"),
            (b"hello, world\n", "text"),
            ("h\u{e9}".as_bytes(), "text"),
            (b"caf\xc3", "text"),
            (&erf, "ERF"),
            (
                b"\x00\x01\x02\xff",
                "unknown data that begin with 00 01 02 ff",
            ),
        ] {
            let text = describe(head);
            assert!(text.contains(word), "{head:?}: {text}");
        }
    }
}
