//! Small conversations by hand, and random ones against a model.

mod dsl;
mod findings;
mod loss;
mod model;
mod simulated;
