//! Networks: builders and routing.

pub mod build;
pub mod ecmp;
pub mod fabric;
