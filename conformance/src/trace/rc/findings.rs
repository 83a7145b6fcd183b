//! What is wrong with connections, in words.

use super::views::Views;
use super::{Context, Follower};
use crate::finding::Finding;
use crate::trace::report::Connection;

pub(super) fn all(
    _follower: &Follower,
    _views: &Views,
    _connections: &[Connection],
    _end_ns_of: &dyn Fn(u32) -> u64,
    _context: &Context,
) -> Vec<Finding> {
    Vec::new()
}
