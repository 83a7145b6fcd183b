//! What is wrong with an input, and where.

use std::ops::Range;

/// A mistake in an input file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub file: String,
    /// Byte range in the file's text.
    pub span: Range<usize>,
    pub message: String,
    /// What is wrong at the span, in a few words.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}
