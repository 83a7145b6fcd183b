//! iWARP connections: MPA start-up, DDP segments, RDMAP operations.

/// An iWARP connection.
#[derive(Clone, Debug, Default)]
pub struct IwarpConnection {}
