//! Standard output, standard error, and files.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Message, Renderer, Snippet};
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::ops::Range;
use std::path::Path;
use xoff_scenario::Diagnostic;
use xoff_trace::output as file;

/// Why a verb could not do its work: exit status 2.
#[derive(Debug)]
pub(crate) enum Error {
    Message(String),
    /// Mistakes in input files, and the texts (by file name) that they are in.
    Input(Vec<Diagnostic>, Vec<(String, String)>),
}

/// Writes data to standard output. A reader that went away is not an error.
pub(crate) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let mut out = BufWriter::new(io::stdout().lock());
    let done = write(&mut Plain::new(&mut out)).and_then(|()| out.flush());
    // What could not be written must not be tried again when the buffer is dropped.
    let _ = out.into_parts();
    match done {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(e.into()),
        _ => Ok(()),
    }
}

/// Writes data to standard error, when something else has standard output.
pub(crate) fn print_aside(
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let mut out = BufWriter::new(io::stderr().lock());
    Ok(write(&mut Plain::new(&mut out)).and_then(|()| out.flush())?)
}

/// Writes data to standard error if an output of this run, one of `taken`, is standard output.
pub(crate) fn print_beside<'a>(
    mut taken: impl Iterator<Item = &'a Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    match taken.any(file::is_stdout) {
        true => print_aside(write),
        false => print(write),
    }
}

/// Writes a line to standard error. There is nowhere to report a failure of that to.
pub(crate) fn tell(text: &str) {
    let mut line = Vec::new();
    let _ = writeln!(Plain::new(&mut line), "{text}");
    let _ = io::stderr().lock().write_all(&line);
}

/// Passes text on without characters that do more to a terminal than to be seen: names and titles
/// come from files and captures.
struct Plain<W> {
    inner: W,
    /// The beginning of a character that may be one of those.
    held: Option<u8>,
}

/// Shown in place of what is not.
const UNSEEN: &[u8] = "\u{fffd}".as_bytes();

impl<W: Write> Plain<W> {
    fn new(inner: W) -> Plain<W> {
        Plain { inner, held: None }
    }

    fn byte(&mut self, byte: u8) -> io::Result<()> {
        match (self.held.take(), byte) {
            // The C1 controls are U+0080 to U+009F.
            (Some(0xc2), 0x80..=0x9f) => return self.inner.write_all(UNSEEN),
            (Some(0xc2), _) => self.inner.write_all(&[0xc2])?,
            (Some(b'\r'), b'\n') => return self.inner.write_all(b"\n"),
            (Some(_), _) => self.inner.write_all(UNSEEN)?,
            (None, _) => {}
        }
        match byte {
            0xc2 | b'\r' => self.held = Some(byte),
            b'\n' | b'\t' => self.inner.write_all(&[byte])?,
            0..=0x1f | 0x7f => self.inner.write_all(UNSEEN)?,
            _ => self.inner.write_all(&[byte])?,
        }
        Ok(())
    }
}

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let harmless = |byte: &u8| matches!(byte, b'\n' | b'\t' | b' '..=0x7e | 0xc3..);
        let mut rest = data;
        while let Some(&first) = rest.first() {
            if self.held.is_none() {
                let len = rest.iter().take_while(|byte| harmless(byte)).count();
                if len > 0 {
                    self.inner.write_all(&rest[..len])?;
                    rest = &rest[len..];
                    continue;
                }
            }
            self.byte(first)?;
            rest = &rest[1..];
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Replaces a file at once: readers see the old or the new content, never a part. `-` is standard
/// output; what is no file is written to.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> Result<(), Error> {
    match file::write(path, content) {
        // A reader of standard output that went away has seen enough.
        Err(e) if e.kind() == ErrorKind::BrokenPipe && file::is_stdout(path) => Ok(()),
        done => done.map_err(|e| cannot_write(path, &e)),
    }
}

pub(crate) use xoff_trace::output::is_stdout;

pub(crate) fn cannot_write(path: &Path, error: &io::Error) -> Error {
    let name = if path == Path::new("-") {
        "standard output".into()
    } else {
        path.to_string_lossy()
    };
    Error::Message(format!("cannot write {name}: {error}"))
}

/// Refuses outputs that cannot be written, or would take the place of an input, before there is
/// anything to write.
pub(crate) fn check_places<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<(), Error> {
    for path in paths {
        file::check(path).map_err(|e| cannot_write(path, &e))?;
    }
    Ok(())
}

/// Makes the directory of some files.
pub(crate) fn create_dir(dir: &Path) -> Result<(), Error> {
    let fail = |e: io::Error| Error::Message(format!("cannot create {}: {e}", dir.display()));
    refuse_stdout_as_directory(dir)?;
    match dir.as_os_str().is_empty() {
        true => Ok(()),
        false => std::fs::create_dir_all(dir).map_err(fail),
    }
}

pub(crate) fn refuse_stdout_as_directory(dir: &Path) -> Result<(), Error> {
    if dir != Path::new("-") {
        return Ok(());
    }
    let text = "standard output (-) is no directory: write ./- for one of that name";
    Err(Error::Message(text.to_owned()))
}

/// Explains an error on standard error.
pub(crate) fn complain(error: &Error) {
    let renderer = if coloured() {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    tell(describe(error, &renderer).trim_end());
}

fn coloured() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    io::stderr().is_terminal() && !refused
}

fn describe(error: &Error, renderer: &Renderer) -> String {
    match error {
        Error::Message(text) => {
            renderer.render(&[Level::ERROR.primary_title(text.as_str()).elements(NONE)])
        }
        Error::Input(diagnostics, sources) => {
            let texts: Vec<String> = diagnostics
                .iter()
                .map(|d| {
                    let source = sources.iter().find(|(file, _)| *file == d.file);
                    render(d, source.map(|(_, text)| text.as_str()), renderer)
                })
                .collect();
            texts.join("\n\n")
        }
    }
}

const NONE: [Message<'static>; 0] = [];

/// One mistake with the lines around it.
fn render(d: &Diagnostic, source: Option<&str>, renderer: &Renderer) -> String {
    let help = d.help.as_deref().map(|text| Level::HELP.message(text));
    // An empty span at the start is no place: the mistake is not in the text.
    let Some(source) = source.filter(|_| d.span != (0..0)) else {
        let title = format!("{}: {}", d.file, d.message);
        return renderer.render(&[Level::ERROR.primary_title(title).elements(help)]);
    };
    let excerpt = excerpt(source, &d.span);
    let mut mark = AnnotationKind::Primary.span(excerpt.span);
    if !d.label.is_empty() {
        mark = mark.label(d.label.as_str());
    }
    let snippet = Snippet::source(excerpt.text)
        .line_start(excerpt.line)
        .path(d.file.as_str())
        .annotation(mark);
    let title = Level::ERROR.primary_title(d.message.as_str());
    renderer.render(&[title.element(snippet).elements(help)])
}

struct Excerpt<'a> {
    text: &'a str,
    /// Line of its beginning, from 1.
    line: usize,
    span: Range<usize>,
}

/// The lines of a span and one before, so that a large file costs no time.
fn excerpt<'a>(source: &'a str, span: &Range<usize>) -> Excerpt<'a> {
    let start = source.floor_char_boundary(span.start.min(source.len()));
    let end = source.ceil_char_boundary(span.end.clamp(start, source.len()));
    let line_begin = |at: usize| source[..at].rfind('\n').map_or(0, |n| n + 1);
    let first = line_begin(start);
    let from = if first == 0 { 0 } else { line_begin(first - 1) };
    let to = source[end..].find('\n').map_or(source.len(), |n| end + n);
    Excerpt {
        text: &source[from..to],
        line: 1 + source[..from].bytes().filter(|b| *b == b'\n').count(),
        span: start - from..end - from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(span: Range<usize>) -> Diagnostic {
        Diagnostic {
            file: "a.toml".to_owned(),
            span,
            message: "missing unit".to_owned(),
            label: "a rate".to_owned(),
            help: Some("write \"100Gbps\"".to_owned()),
        }
    }

    fn shown(span: Range<usize>, source: &str) -> String {
        let sources = vec![("a.toml".to_owned(), source.to_owned())];
        describe(
            &Error::Input(vec![diagnostic(span)], sources),
            &Renderer::plain(),
        )
    }

    #[test]
    fn mistakes_are_shown_in_their_lines() {
        let text = "title = 1\n[topology]\nrate = 100\ncable = 1\n";
        insta::assert_snapshot!(shown(28..31, text), @r#"
        error: missing unit
         --> a.toml:3:8
          |
        3 | rate = 100
          |        ^^^ a rate
          |
          = help: write "100Gbps"
        "#);
    }

    #[test]
    fn any_span_of_any_text_is_rendered() {
        assert_eq!(shown(0..0, "a = 1").lines().count(), 3);
        for text in ["", "\n", "é", "a\né\n\n", "\r\n\t"] {
            for start in 0..8 {
                for end in 0..8 {
                    assert!(shown(start..end, text).contains("missing unit"));
                }
            }
        }
    }

    #[test]
    fn a_file_that_was_not_read_is_named() {
        let error = Error::Input(vec![diagnostic(0..1)], Vec::new());
        let text = describe(&error, &Renderer::plain());
        assert_eq!(
            text,
            "error: a.toml: missing unit\n |\n = help: write \"100Gbps\""
        );
    }

    fn plain(parts: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut plain = Plain::new(&mut out);
        for part in parts {
            plain.write_all(part).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_moves_the_cursor() {
        for (parts, seen) in [
            (&[&b"a\tb\n"[..]][..], "a\tb\n"),
            (&[b"\x1b[31mred\x07\x7f"], "\u{fffd}[31mred\u{fffd}\u{fffd}"),
            // CSI as one character, whole and in pieces, and others that begin like it.
            (&["\u{9b}31m\u{a9}é€".as_bytes()], "\u{fffd}31m\u{a9}é€"),
            (&[b"\xc2", b"\x9b31m"], "\u{fffd}31m"),
            (&[b"\xc2", b"\xa9"], "\u{a9}"),
            // A line that ends as others do, and one that is written over.
            (&[b"a\r", b"\nb\r\nover\rx"], "a\nb\nover\u{fffd}x"),
        ] {
            assert_eq!(plain(parts), seen);
        }
    }

    #[test]
    fn mistakes_move_no_cursor_either() {
        let text = shown(0..3, "\x1b[2J = 1\n");
        assert!(!text.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let error = cannot_write(Path::new("-"), &ErrorKind::StorageFull.into());
        assert!(matches!(error, Error::Message(text) if text.contains("standard output")));
        let error = create_dir(Path::new("-")).unwrap_err();
        assert!(matches!(error, Error::Message(text) if text.contains("no directory")));
        assert!(replace_file(Path::new("/none/fct.txt"), b"").is_err());
    }
}
