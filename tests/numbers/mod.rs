//! Figures that follow from arithmetic, standards or published results.

mod congestion;
mod fabric;
mod headroom;
mod loss;
mod pause;
mod pause_kinds;
mod scheduling;
mod transport;
