//! SMB over RDMA: S.

use crate::page::{Deviation, Symptom, pages};

/// S-02: An interface that the server offers has no channel.
pub static NO_CHANNEL: Symptom = Symptom { name: "no-channel" };

pages! {
    S_01 {
        id: "S-01",
        name: "rdma-used",
        title: "Where both ends offer RDMA, SMB Direct is used",
        why: "SMB falls back to TCP without a word.",
        cure: "Enable Multichannel and RDMA on both ends; check the RDMA capability of each \
               interface.",
        source: "MS-SMB2 3.2.4.20.10; MS-SMBD",
    }
    S_02 {
        id: "S-02",
        name: "channels",
        title: "As many channels are open as the interfaces allow",
        why: "Unused interfaces are lost bandwidth.",
        cure: "Check speeds and capabilities: a client uses only the best kind of interface.",
        source: "MS-SMB2 3.2.4.20.10",
        symptoms: &[&NO_CHANNEL],
        deviations: &[Deviation {
            id: "D-CIFS-03",
            profiles: &["rxe"],
            symptoms: &[&NO_CHANNEL],
            what: "the cifs client opens no further channel at mount, though the server offers \
                   more interfaces",
            citation: "seen in the lab: no connection attempt on the wire, Linux 6.12.117",
        }],
    }
    S_03 {
        id: "S-03",
        name: "channel-loss",
        title: "Sessions bind their channels, and survive the loss of one",
        why: "A refused binding leaves the session on one path.",
        cure: "Look at the status of the session setup; check that signing keys and dialect \
               agree.",
        source: "MS-SMB2 3.2.5.3",
    }
    S_04 {
        id: "S-04",
        name: "smbd-credits",
        title: "SMB Direct keeps to its credits and sizes",
        why: "A peer that sends without credit is disconnected.",
        cure: "Update the end that breaks the rule.",
        source: "MS-SMBD 3.1.5",
    }
    S_05 {
        id: "S-05",
        name: "rdma-share",
        title: "Most bytes go over RDMA",
        why: "A single RDMA packet proves nothing.",
        cure: "Find the shares or clients that use TCP.",
        source: "Microsoft: SMB Direct",
    }
    S_07 {
        id: "S-07",
        name: "session-setup",
        title: "Sessions are set up",
        why: "A refused client has no connection, over RDMA or otherwise.",
        cure: "Look at the status that the server gave: account, rights, signing, limits.",
        source: "MS-SMB2 3.2.5.3",
    }
}
