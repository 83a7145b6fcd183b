//! Integration tests: the command as its users run it, and the numbers that it must give.

mod agents;
mod architecture;
mod bad_input;
mod capture;
mod check;
mod cli;
mod conform;
mod corpus;
mod field;
mod hpcc;
mod lab;
mod numbers;
mod oracle;
mod random;
mod robust;
mod roundtrip;
mod scenarios;
mod stacks;
mod support;
mod trace;
