//! Figures that follow from arithmetic, standards or published results.

mod congestion;
mod fabric;
mod headroom;
mod loss;
mod maps;
mod pause;
mod pause_kinds;
mod periodic;
mod scheduling;
mod stuck;
mod transport;
mod watchdog;
