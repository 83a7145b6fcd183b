//! Arms: how an experiment is run.

pub mod device;
mod drive;
pub mod lab;
pub mod sim;
pub mod smb;
pub mod trace;
