//! Networks: builders of regular topologies.

pub mod build;
