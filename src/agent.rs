//! `xoff agent`: what speaks verbs beside a device, told on standard input what to do.

use crate::output::Error;

#[cfg(feature = "verbs")]
pub(crate) fn run() -> Result<(), Error> {
    Ok(xoff_verbs::serve(std::io::stdin(), std::io::stdout())?)
}

#[cfg(not(feature = "verbs"))]
pub(crate) fn run() -> Result<(), Error> {
    let why = xoff_lab::session::NO_VERBS;
    Err(Error::Message(format!(
        "{why}: cargo build --release --features verbs"
    )))
}
