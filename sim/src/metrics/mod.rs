//! Named figures of a result, and assertions about them.

pub mod expect;
