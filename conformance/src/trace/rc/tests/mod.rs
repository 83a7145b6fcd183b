//! Small conversations by hand, and random ones against a model.

mod dsl;
mod loss;
mod model;
mod simulated;
