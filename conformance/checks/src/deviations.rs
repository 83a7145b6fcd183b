//! The register of known deviations: stacks that are known to do something else, and where that is
//! written. Those that a check shows stand on its page.

pub use crate::page::Deviation;

use crate::catalogue::checks;
use crate::page::Check;

/// For readers: what no check shows.
static ON_RECORD: &[Deviation] = &[
    Deviation {
        id: "D-RXE-02",
        profiles: &["rxe"],
        symptoms: &[],
        what: "RNR timer code 25 is 61.41 ms instead of 61.44 ms; jiffies hide it",
        citation: "Linux 6.12 rxe_comp.c:76",
    },
    Deviation {
        id: "D-RXE-05",
        profiles: &["rxe"],
        symptoms: &[],
        what: "no counter of ICRC errors or CNPs",
        citation: "Linux 6.12 rxe_hw_counters.c",
    },
    Deviation {
        id: "D-SIW-05",
        profiles: &["siw"],
        symptoms: &[],
        what: "a READ that waits for another to end may be flushed twice (7 of 8 runs)",
        citation: "Linux 6.12 siw_qp.c:1228: queued, and outstanding already",
    },
    Deviation {
        id: "D-KSMBD-04",
        profiles: &["rxe"],
        symptoms: &[],
        what: "ksmbd offers the address :: for interfaces without IPv6",
        citation: "seen in the lab: DebugData of the client, Linux 6.12",
    },
    Deviation {
        id: "D-CIFS-02",
        profiles: &["rxe"],
        symptoms: &[],
        what: "when SMB Direct negotiation fails, the cifs client may hang, or its kernel may \
               panic in recv_done (its work queue seems to be gone)",
        citation: "seen in the lab; Linux 6.12 fs/smb/client/smbdirect.c:571, 1122, 1453",
    },
    Deviation {
        id: "D-CIFS-04",
        profiles: &["rxe"],
        symptoms: &[],
        what: "while a channel is away, a write can fail with EAGAIN, or with EBADF until the file \
               is opened again",
        citation: "seen in the lab, rarely; Linux 6.12.117",
    },
    Deviation {
        id: "D-CX6-02",
        profiles: &["cx6"],
        symptoms: &[],
        what: "ETS is not work conserving with old firmware",
        citation: "Lumina, SIGCOMM 2023",
    },
    Deviation {
        id: "D-E810-01",
        profiles: &["e810"],
        symptoms: &[],
        what: "cnpSent does not move",
        citation: "Lumina, SIGCOMM 2023",
    },
    Deviation {
        id: "D-E810-02",
        profiles: &["e810"],
        symptoms: &[],
        what: "NAKs of READs take 83 ms, which is within what RC-40 allows",
        citation: "Lumina, SIGCOMM 2023",
    },
    Deviation {
        id: "D-E810-04",
        profiles: &["e810"],
        symptoms: &[],
        what: "CNPs of a queue pair are 50 us apart, which nothing configures: CC-02 expects it",
        citation: "Lumina, SIGCOMM 2023",
    },
    Deviation {
        id: "D-TSH-01",
        profiles: &[],
        symptoms: &[],
        what: "tshark 4.0.17 reads opcode 0x80 as CNP, not 0x81, and verifies no ICRC",
        citation: "run in tests/oracle",
    },
    Deviation {
        id: "D-OLD-01",
        profiles: &[],
        symptoms: &[],
        what: "openlldp checks neither lengths of TLVs nor the sum of ETS shares",
        citation: "openlldp 00b3c78, lldp_8021qaz.c",
    },
];

/// Stacks in the order in which they are listed.
const STACKS: [&str; 9] = [
    "RXE", "SIW", "KSMBD", "CIFS", "CX6", "CX4", "E810", "TSH", "OLD",
];

/// All deviations, by stack and number, each with the check that shows it.
pub fn all() -> Vec<(Option<&'static Check>, &'static Deviation)> {
    let of_check = |check: &'static Check| check.deviations.iter().map(move |d| (Some(check), d));
    let mut all: Vec<_> = checks().flat_map(of_check).collect();
    all.extend(ON_RECORD.iter().map(|d| (None, d)));
    let stack = |id: &str| {
        STACKS
            .iter()
            .position(|stack| id.split('-').nth(1) == Some(stack))
    };
    all.sort_by_key(|(_, d)| (stack(d.id), d.id));
    all
}

/// By ID, whatever the case.
pub fn find(id: &str) -> Option<(Option<&'static Check>, &'static Deviation)> {
    let id = id.trim();
    let all = all().into_iter();
    all.rev().find(|(_, d)| d.id.eq_ignore_ascii_case(id))
}

/// The deviation that would excuse a check under a profile.
pub fn known(profile: &str, check: &'static Check) -> Option<&'static Deviation> {
    let mut of_check = check.deviations.iter();
    of_check.find(|d| d.profiles.contains(&profile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::congestion::{CC_01, CC_02, NO_CNP};
    use crate::rc::{EARLY_TIMEOUT, RC_07, RC_08, RC_40, SEVEN_RETRIES};
    use crate::wire::{NOT_MIGRATED, W_07};
    use std::collections::BTreeSet;

    #[test]
    fn every_entry_has_its_citation_and_known_symptoms() {
        let ids: BTreeSet<&str> = all().iter().map(|(_, d)| d.id).collect();
        assert_eq!(ids.len(), all().len());
        for (check, d) in all() {
            assert!(!d.citation.is_empty() && !d.what.is_empty(), "{}", d.id);
            // Without a symptom nothing would be excused.
            assert_eq!(d.symptoms.is_empty(), check.is_none(), "{}", d.id);
            let of_check = check.map_or(&[][..], |check| check.symptoms);
            assert!(d.symptoms.iter().all(|s| of_check.contains(s)), "{}", d.id);
            let stack = d.id.split('-').nth(1).unwrap();
            assert!(STACKS.contains(&stack), "{}", d.id);
        }
        assert_eq!(known("rxe", &W_07).map(|d| d.id), Some("D-RXE-06"));
        assert_eq!(known("sim", &W_07), None);
        assert_eq!(find("d-rxe-04").and_then(|(check, _)| check), Some(&CC_01));
    }

    #[test]
    fn what_is_expected_of_a_stack_is_no_deviation() {
        // A capture that conforms to the expectation would be an unexpected pass.
        assert_eq!(known("e810", &CC_02), None);
        assert_eq!(known("e810", &RC_40), None);
        let migreq = known("e810", &W_07).unwrap();
        assert!(migreq.excuses(Some(&NOT_MIGRATED)));
        assert!(!migreq.excuses(Some(&NO_CNP)) && !migreq.excuses(None));
        let [adaptive, early] = [&RC_08, &RC_07].map(|check| known("cx6", check).unwrap());
        assert!(adaptive.excuses(Some(&SEVEN_RETRIES)) && !adaptive.excuses(None));
        assert!(early.excuses(Some(&EARLY_TIMEOUT)) && !early.excuses(None));
        let (check, nothing) = find("D-E810-01").unwrap();
        assert!(check.is_none() && !nothing.excuses(Some(&EARLY_TIMEOUT)));
    }
}
