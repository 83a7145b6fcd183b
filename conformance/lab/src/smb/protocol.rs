//! What guests are asked, and what they tell.

use super::ClientState;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Start ksmbd with one share, and wait until it listens.
    Serve {
        multichannel: bool,
    },
    /// Remove the RDMA devices.
    DropDevices,
    Mount(Mount),
    Unmount,
    /// Make a local file of noise, which `seed` decides.
    Make {
        name: String,
        bytes: u64,
        seed: u64,
    },
    /// Copy a file. With `announce`, [`Tell::Half`] comes at half of it.
    Copy {
        from: Place,
        to: Place,
        name: String,
        announce: bool,
    },
    /// SHA-256 of a file.
    Hash {
        at: Place,
        name: String,
    },
    /// What the client says of its connections.
    State,
    /// Take an interface down, and up again after this time. Answered when it is down.
    Cut {
        interface: usize,
        ms: u64,
    },
    /// The kernel's messages about SMB.
    Kernel,
}

/// How the client mounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Address.
    pub server: String,
    pub rdma: bool,
    /// At most so many channels; 1: without multichannel.
    pub channels: u32,
    /// After this time the attempt is given up.
    pub limit_ms: u64,
}

/// Where a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the guest's memory.
    Local,
    /// In what the server shares.
    Share,
    /// In what the client has mounted.
    Mounted,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tell {
    Done,
    Mounted(Mounted),
    Hash(String),
    Half,
    Copied(Copied),
    State(ClientState),
    Kernel(Vec<String>),
    /// It did not work.
    Failed(String),
}

/// How a mount ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mounted {
    /// Exit status of mount; None: given up.
    pub status: Option<i32>,
    pub message: String,
    pub ms: u64,
}

/// How a copy went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    pub bytes: u64,
    pub ms: u64,
    /// The longest that one piece took.
    pub longest_ms: u64,
    pub error: Option<String>,
}
