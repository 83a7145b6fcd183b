//! SMB Direct negotiation, as real stacks do it: SD.

use crate::catalogue::pages;

pages! {
    SD_01 {
        id: "SD-01",
        name: "smbd-request-minima",
        title: "A server refuses negotiation below the minimum sizes and without credits",
        why: "MS-SMBD 3.1.5.6: MaxReceiveSize below 128, MaxFragmentedSize below 131,072 or no \
              credit leave no room to talk.",
        cure: "Update the server.",
    }
    SD_02 {
        id: "SD-02",
        name: "smbd-receive-size",
        title: "A server accepts a MaxReceiveSize of 128 and more",
        why: "MS-SMBD 3.1.5.6: 128 is allowed; a server that wants more shuts out small clients.",
        cure: "Compare with < instead of <= in the server.",
    }
    SD_03 {
        id: "SD-03",
        name: "smbd-fragmented-size",
        title: "A server accepts a MaxFragmentedSize of 131,072 and more",
        why: "MS-SMBD 3.1.5.6: 131,072 is allowed, and is the value of the specification's own \
              example.",
        cure: "Compare with < instead of <= in the server.",
    }
    SD_04 {
        id: "SD-04",
        name: "smbd-version",
        title: "A server answers other versions with STATUS_NOT_SUPPORTED",
        why: "MS-SMBD 3.1.5.6: a client learns what the server speaks.",
        cure: "Update the server.",
    }
    SD_05 {
        id: "SD-05",
        name: "smbd-receive-floor",
        title: "A server never announces a MaxReceiveSize below 128",
        why: "MS-SMBD 3.1.5.6: it follows the client's PreferredSendSize, but not below 128; \
              clients must end a connection that offers less.",
        cure: "Update the server.",
    }
    SD_06 {
        id: "SD-06",
        name: "smbd-bad-response",
        title: "A client ends a connection whose negotiate response breaks a rule",
        why: "MS-SMBD 3.1.5.7: version, status, credits and sizes decide whether the two can \
              talk.",
        cure: "Update the client.",
    }
    SD_07 {
        id: "SD-07",
        name: "smbd-good-response",
        title: "A client accepts a negotiate response at the minimum sizes",
        why: "MS-SMBD 3.1.5.7: 128 and 131,072 are allowed.",
        cure: "Update the client.",
    }
}
