//! SMB2 sessions, Multichannel and SMB Direct, as far as they concern RDMA.

/// What was seen of SMB.
#[derive(Clone, Debug, Default)]
pub struct SmbReport {}
