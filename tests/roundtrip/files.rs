//! Captures written by the command.
