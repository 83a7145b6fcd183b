//! Edits of command-line configurations, where a port is a block of lines below `interface NAME`.

use crate::device::{Device, Port};
use crate::names::{key, range};
use crate::repair::Edit;
use crate::source::Source;

/// The lines of a port's block: number and text, without the header. A block ends with the next line
/// that is not indented, or with `!`, `#` or `exit`; in a paste without indentation, with the next
/// `interface`.
pub fn block(source: &Source, header: u32) -> Vec<(u32, &str)> {
    let lines = || source.text.lines().zip(1_u32..).skip(header as usize);
    let indented = lines()
        .next()
        .is_some_and(|(l, _)| l.starts_with([' ', '\t']));
    lines()
        .map(|(line, n)| (n, line))
        .take_while(|(_, line)| match indented {
            true => line.starts_with([' ', '\t']) && !line.trim().is_empty(),
            false => {
                let text = line.trim();
                !(text.starts_with("interface ")
                    || text.starts_with(['!', '#'])
                    || text == "exit"
                    || text.is_empty())
            }
        })
        .collect()
}

/// Lines at the end of a port's own block; a new block if it shares one with others, or has none.
pub fn under(source: &Source, port: &Port, lines: &[String]) -> Vec<Edit> {
    let own = port.at.and_then(|at| {
        let header = source.line(at.line)?;
        let named = header
            .trim()
            .strip_prefix("interface")?
            .trim_start_matches(" range")
            .trim();
        let alone = range(named).is_some_and(|all| all.len() == 1) && key(named) == key(&port.name);
        alone.then_some(at.line)
    });
    let Some(header) = own else {
        let mut all = vec![format!("interface {}", port.name)];
        all.extend(lines.iter().map(|l| format!("  {l}")));
        return vec![Edit::end(all)];
    };
    let block = block(source, header);
    let indent: String = block.first().map_or_else(
        || "  ".to_owned(),
        |(_, line)| line.chars().take_while(|c| c.is_whitespace()).collect(),
    );
    let last = block.last().map_or(header, |(n, _)| *n);
    vec![Edit::after(
        last,
        lines.iter().map(|l| format!("{indent}{l}")),
    )]
}

/// The lines that another port has and this one lacks, of those that `wanted` takes.
pub fn like(
    device: &Device,
    source: &Source,
    port: &str,
    other: &str,
    wanted: impl Fn(&str) -> bool,
) -> Option<Vec<Edit>> {
    let (port, other) = (device.port(port)?, device.port(other)?);
    let own: Vec<&str> = port
        .at
        .map(|at| block(source, at.line))
        .unwrap_or_default()
        .into_iter()
        .map(|(_, l)| l.trim())
        .collect();
    let theirs = block(source, other.at?.line);
    let missing: Vec<String> = theirs
        .iter()
        .map(|(_, line)| line.trim())
        .filter(|line| wanted(line) && !own.contains(line))
        .map(str::to_owned)
        .collect();
    (!missing.is_empty()).then(|| under(source, port, &missing))
}

/// The line instead of another, with the same indentation.
pub fn instead(source: &Source, line: u32, text: &str) -> Edit {
    let old = source.line(line).unwrap_or_default();
    let indent: String = old.chars().take_while(|c| c.is_whitespace()).collect();
    Edit::instead(line, [format!("{indent}{text}")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repair::apply;
    use crate::source::{FileId, Span};

    #[test]
    fn lines_go_to_the_end_of_their_block() {
        let source = Source::new(
            "x",
            "interface Ethernet1/1\n  mtu 1500\n!\ninterface Ethernet1/2-3\n  mtu 9000\n",
        );
        let mut port = Port::unknown("Ethernet1/1", "-");
        port.at = Some(Span::line(FileId(0), 1));
        let text = apply(&source.text, &under(&source, &port, &["pfc on".to_owned()]));
        assert!(text.starts_with("interface Ethernet1/1\n  mtu 1500\n  pfc on\n!\n"));
        port.name = "Ethernet1/3".to_owned();
        port.at = Some(Span::line(FileId(0), 4));
        let text = apply(&source.text, &under(&source, &port, &["pfc on".to_owned()]));
        assert!(text.ends_with("  mtu 9000\ninterface Ethernet1/3\n  pfc on\n"));
    }
}
