//! Named figures of a result, and assertions about them.
//!
//! - [`value`]: typed values, always with a unit
//! - [`metric`]: what a metric is; [`catalogue`]: all of them, with unit and meaning
//! - [`select`]: `name[group=…,port=…]`, the reference to a metric
//! - [`summary`]: the value of a reference for one run
//! - [`expect`]: `drops.lossless == 0`; [`agree`]: cases that must give the same
//! - [`counters`]: port counters under the names of `ethtool -S`

pub mod agree;
pub mod catalogue;
pub mod counters;
mod eval;
pub mod expect;
pub mod metric;
pub mod select;
pub mod summary;
pub mod value;
mod view;
