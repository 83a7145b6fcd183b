//! Integration tests: the command as its users run it.

mod cli;
