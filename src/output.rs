//! Standard output, standard error, and files.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Message, Renderer, Snippet};
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::ops::Range;
use std::path::Path;
use xoff_sim::plan::Diagnostic;

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
    let done = write(&mut out).and_then(|()| out.flush());
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
    Ok(write(&mut out).and_then(|()| out.flush())?)
}

/// Writes a line to standard error. There is nowhere to report a failure of that to.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Replaces a file at once: readers see the old or the new content, never a part.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> Result<(), Error> {
    let fail = |e: io::Error| Error::Message(format!("cannot write {}: {e}", path.display()));
    let name = path
        .file_name()
        .ok_or_else(|| fail(ErrorKind::InvalidInput.into()))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let written =
        std::fs::write(&temporary, content).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // The error that matters is the first one.
        let _ = std::fs::remove_file(&temporary);
    }
    written.map_err(fail)
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

    #[test]
    fn files_are_replaced_whole() {
        let dir = std::env::temp_dir().join(format!("xoff-output-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("fct.txt");
        replace_file(&path, b"old").unwrap();
        replace_file(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(
            std::fs::read_dir(&dir).unwrap().count(),
            1,
            "no temporary file is left"
        );
        assert!(replace_file(&dir.join("none/fct.txt"), b"").is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
