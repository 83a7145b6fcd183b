//! Packet-level discrete-event simulation of RDMA over Ethernet.
//!
//! A map of the code:
//!
//! - [`time`], [`units`], [`rng`]: exact time, quantities with units, seeded random streams
//! - [`scenario`]: the input language (TOML text → [`plan::Plan`])
//! - [`compat`]: input and output files of other simulators
//! - [`model`]: what the engine runs, as plain validated data; [`results`]: what it produced
//! - [`engine`]: event queue, packet slab, main loop
//! - [`topology`], [`workload`]: builders of networks and of traffic
//! - [`switch`], [`nic`], [`transport`], [`cc`]: the models
//! - [`metrics`]: named figures of a result, and assertions about them
//! - [`headroom`]: the PFC headroom calculator
//! - [`frames`]: what passes a port, as real frames
//! - [`rules`]: frames chosen to be dropped, changed or delayed
//! - [`wire`]: the bytes of frames; [`dcbx`]: how two ends of a link agree on DCB settings
//!
//! Nothing here touches files, sockets or wall clocks.

pub mod cc;
pub mod compat;
pub mod dcbx;
pub mod engine;
pub mod frames;
#[doc(hidden)]
pub mod fuzzing;
pub mod headroom;
pub mod metrics;
pub mod model;
pub mod nic;
pub mod plan;
pub mod results;
pub mod rng;
pub mod rules;
pub mod scenario;
pub mod switch;
pub mod time;
pub mod topology;
pub mod transport;
pub mod units;
pub mod wire;
pub mod workload;
