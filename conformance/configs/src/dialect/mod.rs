//! The dialects, one file (or folder) each. An importer knows its device's defaults and says where a
//! value comes from.

pub mod cumulus;
pub mod eos;
pub mod junos;
pub mod linux;
pub mod nvue;
pub mod nxos;
pub mod onyx;
pub mod os10;
pub mod os9;
pub mod sonic;
pub mod validate_dcb;
pub mod vrp;
pub mod windows;
