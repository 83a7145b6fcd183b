//! Text for people: lines, paragraphs, and what is shown of foreign text.

/// What has no value.
pub(crate) const NOTHING: &str = "-";
/// Columns of a line.
pub(crate) const WIDTH: usize = 100;

/// Text in lines of [`WIDTH`], all but the first indented like the text after `label`.
pub(crate) fn paragraph(indent: usize, label: &str, text: &str) -> String {
    let hang = indent + label.chars().count();
    let mut out = String::new();
    for (n, line) in wrap(text, WIDTH.saturating_sub(hang)).iter().enumerate() {
        let start = if n == 0 {
            format!("{}{label}", " ".repeat(indent))
        } else {
            " ".repeat(hang)
        };
        out += format!("{start}{line}").trim_end();
        out.push('\n');
    }
    out
}

/// Lines of at most `width` characters, broken at blanks; longer words stay whole.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let length = lines.last().map_or(0, |line| line.chars().count());
        if length > 0 && length + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// Text without characters that would move the cursor, for what a capture says itself.
pub(crate) fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}
