//! The PFC headroom calculator.
