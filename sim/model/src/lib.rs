//! What a simulation is given and what it gives, as plain data, and the arithmetic on it.
//!
//! - [`time`], [`units`], [`rng`]: exact time, quantities with units, seeded random streams
//! - [`Model`] and what it is made of: nodes, links, profiles, flows, faults; [`rules`]: frames chosen
//!   to be dropped, changed or delayed
//! - [`topology`]: builders of networks, and paths through them
//! - [`headroom`]: the PFC headroom calculator; [`dcbx`]: how two ends of a link agree
//! - [`results`]: what a run produced
//!
//! Nothing here touches files, sockets or wall clocks.

pub mod dcbx;
pub mod framing;
pub mod headroom;
mod ids;
mod model;
mod profile;
pub mod results;
pub mod rng;
pub mod rules;
pub mod scalar;
pub mod scaled;
#[doc(hidden)]
pub mod testing;
pub mod time;
pub mod topology;
pub mod units;

pub use framing::Framing;
pub use ids::*;
pub use model::*;
pub use profile::*;
