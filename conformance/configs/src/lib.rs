//! Real switch and host configurations: read, put on one topology, checked together, proved.
//!
//! [`language`] tells the dialect of a file and has `dialect/` read it into a [`device::Device`], in
//! which every value keeps the line that says it, or why it is the default, or why it is unknown.

pub mod describe;
pub mod device;
pub mod dialect;
pub mod fact;
pub mod language;
pub mod lines;
pub mod names;
pub mod remark;
pub mod repair;
pub mod source;
#[cfg(test)]
mod testing;
pub mod text;
mod unknown;

pub use unknown::defaults;
