//! The register of known deviations: stacks that are known to do something else, and where that is
//! written.

use serde::Serialize;
use xoff_checks::catalogue::Check;
use xoff_checks::congestion::CC_01;
use xoff_checks::counters::N_02;
use xoff_checks::iwarp::{IW_02, IW_03, IW_04, IW_05, IW_06};
use xoff_checks::rc::{RC_05, RC_07, RC_08, RC_16, RC_17, RC_20, RC_30, RC_31, RC_33, UC_01};
use xoff_checks::smb::S_02;
use xoff_checks::smb_direct::{SD_02, SD_03, SD_05, SD_06};
use xoff_checks::wire::W_07;

/// Something that a stack is known to do differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Deviation {
    pub id: &'static str,
    /// Profiles that have it.
    pub profiles: &'static [&'static str],
    /// Checks that it makes fail. Empty: none of the suite; it is on record for readers.
    pub checks: &'static [&'static Check],
    /// What the fault's text must contain: other faults are not excused. Empty where there are no
    /// checks.
    pub sign: &'static str,
    pub what: &'static str,
    /// Where it is written.
    pub citation: &'static str,
}

impl Deviation {
    /// Whether this is the fault that it describes.
    pub fn excuses(&self, fault: &str) -> bool {
        !self.sign.is_empty() && fault.contains(self.sign)
    }

    /// `D-RXE-01: retry_cnt 7 has no limit (rxe_comp.c:775)`
    pub fn reason(&self) -> String {
        format!("{}: {} ({})", self.id, self.what, self.citation)
    }
}

pub const REGISTER: &[Deviation] = &[
    Deviation {
        id: "D-RXE-01",
        profiles: &["rxe"],
        checks: &[&RC_08],
        sign: "retry_cnt 7",
        what: "retry_cnt 7 has no limit",
        citation: "Linux 6.12 rxe_comp.c:775",
    },
    Deviation {
        id: "D-RXE-02",
        profiles: &["rxe"],
        checks: &[],
        sign: "",
        what: "RNR timer code 25 is 61.41 ms instead of 61.44 ms; jiffies hide it",
        citation: "Linux 6.12 rxe_comp.c:76",
    },
    Deviation {
        id: "D-RXE-03",
        profiles: &["rxe"],
        checks: &[&RC_07],
        sign: "early timeout",
        what: "timers count jiffies, rounded down, and at least one: they expire early",
        citation: "Linux 6.12 rxe_qp.c:719",
    },
    Deviation {
        id: "D-RXE-04",
        profiles: &["rxe"],
        checks: &[&CC_01],
        sign: "no CNP",
        what: "congestion marks are not answered with CNPs",
        citation: "Linux 6.12 rxe_recv.c:340",
    },
    Deviation {
        id: "D-RXE-05",
        profiles: &["rxe"],
        checks: &[],
        sign: "",
        what: "no counter of ICRC errors or CNPs",
        citation: "Linux 6.12 rxe_hw_counters.c",
    },
    Deviation {
        id: "D-RXE-06",
        profiles: &["rxe"],
        checks: &[&W_07],
        sign: "MigReq is not the initial 1",
        what: "MigReq is 0 in every packet",
        citation: "Linux 6.12 rxe_req.c:457, rxe_resp.c:827",
    },
    Deviation {
        id: "D-RXE-07",
        profiles: &["rxe"],
        checks: &[&RC_20],
        sign: "repeated in whole",
        what: "after a READ was repeated in part, a repetition of the whole is dropped",
        citation: "Linux 6.12 rxe_resp.c:1361, 1381",
    },
    Deviation {
        id: "D-RXE-08",
        profiles: &["rxe"],
        checks: &[&RC_17],
        sign: "only the timeout",
        what: "a gap in the responses of one READ is no implied NAK: it costs a timeout",
        citation: "Linux 6.12 rxe_comp.c:211",
    },
    Deviation {
        id: "D-RXE-09",
        profiles: &["rxe"],
        checks: &[&RC_30],
        sign: "RDMA WRITE Last of another length than announced",
        what: "a WRITE that ends early, with a full packet, is executed",
        citation: "Linux 6.12 rxe_resp.c:565",
    },
    Deviation {
        id: "D-RXE-10",
        profiles: &["rxe"],
        checks: &[&UC_01],
        sign: "messages received",
        what: "the message behind one that broke off is dropped, too",
        citation: "Linux 6.12 rxe_resp.c:1454",
    },
    Deviation {
        id: "D-RXE-11",
        profiles: &["rxe"],
        checks: &[&RC_33],
        sign: "after SQD to RTS",
        what: "a drained send queue that returns to RTS waits for the next request that is posted",
        citation: "Linux 6.12 rxe_qp.c:635: no case for RTS",
    },
    Deviation {
        id: "D-RXE-12",
        profiles: &["rxe"],
        checks: &[&RC_31],
        sign: "4 READs are outstanding with max_rd_atomic 3",
        what: "max_rd_atomic is rounded up to a power of two",
        citation: "Linux 6.12 rxe_qp.c:650",
    },
    Deviation {
        id: "D-RXE-13",
        profiles: &["rxe"],
        checks: &[&RC_16],
        sign: "completed",
        what: "an ACK of a PSN that was never sent completes all SENDs and WRITEs that are outstanding",
        citation: "Linux 6.12 rxe_comp.c:184",
    },
    Deviation {
        id: "D-RXE-14",
        profiles: &["rxe"],
        checks: &[&RC_05],
        sign: ", which was lost again",
        what: "a NAK of a packet that is lost again is ignored: it costs a timeout",
        citation: "Linux 6.12 rxe_comp.c:770: one retry at a time, until an ACK comes",
    },
    Deviation {
        id: "D-SIW-01",
        profiles: &["siw"],
        checks: &[&IW_02],
        sign: "asks for no CRC",
        what: "asks for no CRCs, and nothing but another build makes it (RFC 5044, 4.4)",
        citation: "Linux 6.12 siw_main.c:45",
    },
    Deviation {
        id: "D-SIW-02",
        profiles: &["siw"],
        checks: &[&IW_04],
        sign: "Read with no right",
        what: "a peer may read memory that was registered without the right of remote READs",
        citation: "Linux 6.12 siw_qp_tx.c:814: no access is asked for",
    },
    Deviation {
        id: "D-SIW-03",
        profiles: &["siw"],
        checks: &[&IW_03],
        sign: "(layer 0, type 2, code 0x02)",
        what: "layer and type of Terminate messages are swapped on little-endian machines",
        citation: "Linux 6.12 iwarp.h:183",
    },
    Deviation {
        id: "D-SIW-04",
        profiles: &["siw"],
        checks: &[&IW_06],
        sign: "Read with another key: the responder's",
        what: "the queue pair of a responder that refuses a READ stays in RTS",
        citation: "Linux 6.12 siw_qp_tx.c:1106: to be done",
    },
    Deviation {
        id: "D-SIW-05",
        profiles: &["siw"],
        checks: &[],
        sign: "",
        what: "a READ that waits for another to end may be flushed twice (7 of 8 runs)",
        citation: "Linux 6.12 siw_qp.c:1228: queued, and outstanding already",
    },
    Deviation {
        id: "D-SIW-06",
        profiles: &["siw"],
        checks: &[&IW_05],
        sign: "posted after the end",
        what: "what a process posts in ERR is accepted and never completes",
        citation: "Linux 6.12 siw_verbs.c:803: flushes what kernels post",
    },
    Deviation {
        id: "D-KSMBD-01",
        profiles: &["rxe"],
        checks: &[&SD_02],
        sign: "MaxReceiveSize 128:",
        what: "ksmbd does not accept a MaxReceiveSize of 128",
        citation: "Linux 6.12 fs/smb/server/transport_rdma.c:513",
    },
    Deviation {
        id: "D-KSMBD-02",
        profiles: &["rxe"],
        checks: &[&SD_03],
        sign: "MaxFragmentedSize 131072:",
        what: "ksmbd does not accept a MaxFragmentedSize of 131072",
        citation: "Linux 6.12 fs/smb/server/transport_rdma.c:514",
    },
    Deviation {
        id: "D-KSMBD-03",
        profiles: &["rxe"],
        checks: &[&SD_05],
        sign: "PreferredSendSize 64: MaxReceiveSize 64",
        what: "ksmbd announces a MaxReceiveSize as small as the client's PreferredSendSize",
        citation: "Linux 6.12 fs/smb/server/transport_rdma.c:1979",
    },
    Deviation {
        id: "D-KSMBD-04",
        profiles: &["rxe"],
        checks: &[],
        sign: "",
        what: "ksmbd offers the address :: for interfaces without IPv6",
        citation: "seen in the lab: DebugData of the client, Linux 6.12",
    },
    Deviation {
        id: "D-CIFS-01",
        profiles: &["rxe"],
        checks: &[&SD_06],
        sign: "with Status 3221225659",
        what: "the cifs client does not look at the status of a negotiate response",
        citation: "Linux 6.12 fs/smb/client/smbdirect.c:332-402",
    },
    Deviation {
        id: "D-CIFS-02",
        profiles: &["rxe"],
        checks: &[],
        sign: "",
        what: "when SMB Direct negotiation fails, the cifs client may hang, or its kernel may panic in \
               recv_done (its work queue seems to be gone)",
        citation: "seen in the lab; Linux 6.12 fs/smb/client/smbdirect.c:571, 1122, 1453",
    },
    Deviation {
        id: "D-CIFS-03",
        profiles: &["rxe"],
        checks: &[&S_02],
        sign: "no channel to 10.9.",
        what: "the cifs client opens no further channel at mount, though the server offers more \
               interfaces",
        citation: "seen in the lab: no connection attempt on the wire, Linux 6.12.117",
    },
    Deviation {
        id: "D-CIFS-04",
        profiles: &["rxe"],
        checks: &[],
        sign: "",
        what: "while a channel is away, a write can fail with EAGAIN, or with EBADF until the file is opened again",
        citation: "seen in the lab, rarely; Linux 6.12.117",
    },
    Deviation {
        id: "D-CX6-01",
        profiles: &["cx6"],
        checks: &[&RC_08],
        sign: "retry_cnt 7, but",
        what: "adaptive retransmission: 8 to 13 retries for 7",
        citation: "Lumina, SIGCOMM 2023",
    },
    Deviation {
        id: "D-CX6-02",
        profiles: &["cx6"],
        checks: &[],
        sign: "",
        what: "ETS is not work conserving with old firmware",
        citation: "Lumina, SIGCOMM 2023",
    },
    Deviation {
        id: "D-CX6-03",
        profiles: &["cx6"],
        checks: &[&RC_07],
        sign: "early timeout",
        what: "adaptive retransmission: timeouts from 5.6 ms where 67.1 ms are configured",
        citation: "Lumina, SIGCOMM 2023",
    },
    Deviation {
        id: "D-CX4-01",
        profiles: &["cx4"],
        checks: &[&N_02],
        sign: "implied_nak_seq_err",
        what: "implied_nak_seq_err does not move",
        citation: "Lumina, SIGCOMM 2023",
    },
    Deviation {
        id: "D-E810-01",
        profiles: &["e810"],
        checks: &[],
        sign: "",
        what: "cnpSent does not move",
        citation: "Lumina, SIGCOMM 2023",
    },
    Deviation {
        id: "D-E810-02",
        profiles: &["e810"],
        checks: &[],
        sign: "",
        what: "NAKs of READs take 83 ms, which is within what RC-40 allows",
        citation: "Lumina, SIGCOMM 2023",
    },
    Deviation {
        id: "D-E810-03",
        profiles: &["e810"],
        checks: &[&W_07],
        sign: "MigReq is not the initial 1",
        what: "MigReq is 0 in every packet",
        citation: "Lumina, SIGCOMM 2023",
    },
    Deviation {
        id: "D-E810-04",
        profiles: &["e810"],
        checks: &[],
        sign: "",
        what: "CNPs of a queue pair are 50 us apart, which nothing configures: CC-02 expects it",
        citation: "Lumina, SIGCOMM 2023",
    },
    Deviation {
        id: "D-TSH-01",
        profiles: &[],
        checks: &[],
        sign: "",
        what: "tshark 4.0.17 reads opcode 0x80 as CNP, not 0x81, and verifies no ICRC",
        citation: "run in tests/oracle",
    },
    Deviation {
        id: "D-OLD-01",
        profiles: &[],
        checks: &[],
        sign: "",
        what: "openlldp checks neither lengths of TLVs nor the sum of ETS shares",
        citation: "openlldp 00b3c78, lldp_8021qaz.c",
    },
];

/// By ID, whatever the case.
pub fn find(id: &str) -> Option<&'static Deviation> {
    let id = id.trim();
    REGISTER.iter().find(|d| d.id.eq_ignore_ascii_case(id))
}

/// The deviation that would excuse a check under a profile.
pub fn known(profile: &str, check: &Check) -> Option<&'static Deviation> {
    let excuses = |d: &&Deviation| d.profiles.contains(&profile) && d.checks.contains(&check);
    REGISTER.iter().find(excuses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;
    use std::collections::BTreeSet;
    use xoff_checks::congestion::CC_02;
    use xoff_checks::rc::RC_40;

    #[test]
    fn every_entry_has_its_citation_and_known_names() {
        let ids: BTreeSet<&str> = REGISTER.iter().map(|d| d.id).collect();
        assert_eq!(ids.len(), REGISTER.len());
        for d in REGISTER {
            assert!(!d.citation.is_empty() && !d.what.is_empty(), "{}", d.id);
            // Without a sign everything would be excused, or nothing.
            assert_eq!(d.sign.is_empty(), d.checks.is_empty(), "{}", d.id);
            for profile in d.profiles {
                assert!(Profile::find(profile).is_some(), "{}: {profile}", d.id);
            }
        }
        assert_eq!(known("rxe", &W_07).map(|d| d.id), Some("D-RXE-06"));
        assert_eq!(known("sim", &W_07), None);
    }

    #[test]
    fn what_is_expected_of_a_stack_is_no_deviation() {
        // A capture that conforms to the expectation would be an unexpected pass.
        assert_eq!(known("e810", &CC_02), None);
        assert_eq!(known("e810", &RC_40), None);
        let migreq = known("e810", &W_07).unwrap();
        assert!(migreq.excuses("SEND only: MigReq is not the initial 1"));
        assert!(!migreq.excuses("write: refused with a NAK"));
        let [adaptive, early] = [&RC_08, &RC_07].map(|id| known("cx6", id).unwrap());
        assert!(adaptive.excuses("write: retry_cnt 7, but failure after 9 of PSN 3"));
        assert!(!adaptive.excuses("write: RESP_TIMEOUT_ERR instead of RETRY_EXC_ERR"));
        assert!(!early.excuses("write: late timeout of PSN 0, 400.0 ms, bound 368.0 ms"));
        let nothing = find("D-E810-01").unwrap();
        assert!(!nothing.excuses("anything"));
    }
}
