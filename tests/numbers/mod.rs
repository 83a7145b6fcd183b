//! Figures that follow from arithmetic, standards or published results.

mod congestion;
mod fabric;
mod headroom;
mod loss;
mod maps;
mod mtu;
mod pause;
mod pause_kinds;
mod periodic;
mod ports;
mod scheduling;
mod stuck;
mod tagging;
mod transport;
mod watchdog;
mod wred;
