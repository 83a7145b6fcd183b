//! Networks: builders and routing.

pub mod build;
pub mod fabric;
