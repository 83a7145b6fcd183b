//! The verbs agent: does on an RDMA device what it is told, one JSON value per line.
//!
//! [`serve`] is the far end of `xoff_lab::agent`. Everything unsafe is in `sys`, behind
//! types that cannot be used wrongly; what they are told may still be wrong, and then the library
//! or the kernel refuses it. Without the feature `ibverbs` the crate is empty.

#![cfg(feature = "ibverbs")]

mod lines;
mod machine;
mod names;
mod pattern;
mod serve;
mod sys;

pub use serve::serve;
