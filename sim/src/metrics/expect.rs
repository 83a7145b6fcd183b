//! Assertions about a result, such as `drops.lossless == 0`.

/// A parsed assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    pub metric: String,
}

/// Why an assertion could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectError {
    /// Byte offset in the assertion's text.
    pub offset: usize,
    pub message: String,
    pub hint: Option<String>,
}

impl Expectation {
    pub fn parse(text: &str) -> Result<Self, ExpectError> {
        let metric = text.split_whitespace().next().unwrap_or_default().to_owned();
        Ok(Expectation { metric })
    }
}
