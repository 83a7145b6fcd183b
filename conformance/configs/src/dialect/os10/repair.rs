//! Cures in OS10's words.

use crate::device::Device;
use crate::repair::{Edit, Wish};
use crate::source::Source;

pub(super) fn repair(_: &Device, _: &Source, _: &Wish) -> Option<Vec<Edit>> {
    None
}
