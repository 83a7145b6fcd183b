//! SMB Direct negotiation, as real stacks do it: SD.

use crate::page::{Deviation, Symptom, pages};

/// SD-02: The minimum itself is not accepted.
pub static MINIMUM_REFUSED: Symptom = Symptom {
    name: "minimum-refused",
};

/// SD-03: The minimum itself is not accepted.
pub static LEAST_FRAGMENTED_REFUSED: Symptom = Symptom {
    name: "least-fragmented-refused",
};

/// SD-05: It is as small as the client prefers.
pub static FOLLOWS_CLIENT: Symptom = Symptom {
    name: "follows-client",
};

/// SD-06: A response whose status is no success is accepted.
pub static STATUS_IGNORED: Symptom = Symptom {
    name: "status-ignored",
};

pages! {
    SD_01 {
        id: "SD-01",
        name: "smbd-request-minima",
        title: "A server refuses negotiation below the minimum sizes and without credits",
        why: "MS-SMBD 3.1.5.6: MaxReceiveSize below 128, MaxFragmentedSize below 131,072 or no \
              credit leave no room to talk.",
        cure: "Update the server.",
        source: "MS-SMBD 3.1.5.6",
    }
    SD_02 {
        id: "SD-02",
        name: "smbd-receive-size",
        title: "A server accepts a MaxReceiveSize of 128 and more",
        why: "MS-SMBD 3.1.5.6: 128 is allowed; a server that wants more shuts out small clients.",
        cure: "Compare with < instead of <= in the server.",
        source: "MS-SMBD 3.1.5.6",
        symptoms: &[&MINIMUM_REFUSED],
        deviations: &[Deviation {
            id: "D-KSMBD-01",
            profiles: &["rxe"],
            symptoms: &[&MINIMUM_REFUSED],
            what: "ksmbd does not accept a MaxReceiveSize of 128",
            citation: "Linux 6.12 fs/smb/server/transport_rdma.c:513",
        }],
    }
    SD_03 {
        id: "SD-03",
        name: "smbd-fragmented-size",
        title: "A server accepts a MaxFragmentedSize of 131,072 and more",
        why: "MS-SMBD 3.1.5.6: 131,072 is allowed, and is the value of the specification's own \
              example.",
        cure: "Compare with < instead of <= in the server.",
        source: "MS-SMBD 3.1.5.6",
        symptoms: &[&LEAST_FRAGMENTED_REFUSED],
        deviations: &[Deviation {
            id: "D-KSMBD-02",
            profiles: &["rxe"],
            symptoms: &[&LEAST_FRAGMENTED_REFUSED],
            what: "ksmbd does not accept a MaxFragmentedSize of 131072",
            citation: "Linux 6.12 fs/smb/server/transport_rdma.c:514",
        }],
    }
    SD_04 {
        id: "SD-04",
        name: "smbd-version",
        title: "A server answers other versions with STATUS_NOT_SUPPORTED",
        why: "MS-SMBD 3.1.5.6: a client learns what the server speaks.",
        cure: "Update the server.",
        source: "MS-SMBD 3.1.5.6",
    }
    SD_05 {
        id: "SD-05",
        name: "smbd-receive-floor",
        title: "A server never announces a MaxReceiveSize below 128",
        why: "MS-SMBD 3.1.5.6: it follows the client's PreferredSendSize, but not below 128; \
              clients must end a connection that offers less.",
        cure: "Update the server.",
        source: "MS-SMBD 3.1.5.6",
        symptoms: &[&FOLLOWS_CLIENT],
        deviations: &[Deviation {
            id: "D-KSMBD-03",
            profiles: &["rxe"],
            symptoms: &[&FOLLOWS_CLIENT],
            what: "ksmbd announces a MaxReceiveSize as small as the client's PreferredSendSize",
            citation: "Linux 6.12 fs/smb/server/transport_rdma.c:1979",
        }],
    }
    SD_06 {
        id: "SD-06",
        name: "smbd-bad-response",
        title: "A client ends a connection whose negotiate response breaks a rule",
        why: "MS-SMBD 3.1.5.7: version, status, credits and sizes decide whether the two can \
              talk.",
        cure: "Update the client.",
        source: "MS-SMBD 3.1.5.7",
        symptoms: &[&STATUS_IGNORED],
        deviations: &[Deviation {
            id: "D-CIFS-01",
            profiles: &["rxe"],
            symptoms: &[&STATUS_IGNORED],
            what: "the cifs client does not look at the status of a negotiate response",
            citation: "Linux 6.12 fs/smb/client/smbdirect.c:332-402",
        }],
    }
    SD_07 {
        id: "SD-07",
        name: "smbd-good-response",
        title: "A client accepts a negotiate response at the minimum sizes",
        why: "MS-SMBD 3.1.5.7: 128 and 131,072 are allowed.",
        cure: "Update the client.",
        source: "MS-SMBD 3.1.5.7",
    }
}
