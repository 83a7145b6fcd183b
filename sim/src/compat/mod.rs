//! Input and output files of other simulators.

pub mod hpcc;
