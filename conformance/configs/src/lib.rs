//! Real switch and host configurations: read, put on one topology, checked together, proved.
//!
//! [`language`] tells the dialect of a file and has `dialect/` read it into a [`device::Device`], in
//! which every value keeps the line that says it, or why it is the default, or why it is unknown.

pub mod blocks;
pub mod console;
pub mod describe;
pub mod device;
pub mod dialect;
pub mod fabric;
#[cfg(test)]
mod fabrics_tests;
pub mod fact;
pub mod fixing;
pub mod flows;
pub mod found;
pub mod hop;
pub mod in_force;
pub mod language;
pub mod languages;
pub mod lines;
pub mod load;
pub mod names;
pub mod path;
pub mod proof;
pub mod remark;
pub mod repair;
pub mod rules;
pub mod source;
#[cfg(test)]
mod testing;
pub mod text;
pub mod topology;
pub mod tree;
mod unknown;

pub use language::Dialect;
pub use unknown::defaults;
