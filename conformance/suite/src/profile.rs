//! Profiles: what kind of stack is under test.

use super::Arm;
use super::expect::{self, Expect};

/// A kind of stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    pub name: &'static str,
    pub about: &'static str,
    pub arms: &'static [Arm],
    /// Speaks iWARP rather than RoCE.
    pub iwarp: bool,
    pub expect: Expect,
}

const REAL: &[Arm] = &[Arm::Trace, Arm::Device];

pub const PROFILES: &[Profile] = &[
    Profile {
        name: "sim",
        about: "the simulator's own NIC",
        arms: &[Arm::Sim, Arm::Trace],
        iwarp: false,
        expect: expect::SIM,
    },
    Profile {
        name: "rxe",
        about: "Linux software RoCE",
        arms: &[Arm::Lab, Arm::Trace, Arm::Device],
        iwarp: false,
        expect: expect::RXE,
    },
    Profile {
        name: "siw",
        about: "Linux software iWARP",
        arms: &[Arm::Lab, Arm::Trace, Arm::Device],
        iwarp: true,
        expect: expect::GENERIC,
    },
    Profile {
        name: "generic",
        about: "any RoCE NIC: nothing is excused",
        arms: REAL,
        iwarp: false,
        expect: expect::GENERIC,
    },
    Profile {
        name: "iwarp",
        about: "any iWARP NIC: nothing is excused",
        arms: REAL,
        iwarp: true,
        expect: expect::GENERIC,
    },
    Profile {
        name: "cx4",
        about: "NVIDIA ConnectX-4 Lx",
        arms: REAL,
        iwarp: false,
        expect: expect::CX4,
    },
    Profile {
        name: "cx5",
        about: "NVIDIA ConnectX-5",
        arms: REAL,
        iwarp: false,
        expect: expect::CX5,
    },
    Profile {
        name: "cx6",
        about: "NVIDIA ConnectX-6 Dx",
        arms: REAL,
        iwarp: false,
        expect: expect::CX5,
    },
    Profile {
        name: "e810",
        about: "Intel E810 in RoCEv2 mode",
        arms: REAL,
        iwarp: false,
        expect: expect::E810,
    },
];

impl Profile {
    pub fn find(name: &str) -> Option<&'static Profile> {
        PROFILES.iter().find(|p| p.name.eq_ignore_ascii_case(name))
    }

    /// Of an arm whose user names none.
    pub fn of(arm: Arm) -> &'static Profile {
        let name = match arm {
            Arm::Sim => "sim",
            Arm::Lab => "rxe",
            Arm::Trace | Arm::Device => "generic",
        };
        PROFILES
            .iter()
            .find(|p| p.name == name)
            .unwrap_or(&PROFILES[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arm_has_a_profile() {
        for arm in [Arm::Sim, Arm::Trace, Arm::Lab, Arm::Device] {
            assert!(Profile::of(arm).arms.contains(&arm), "{arm}");
        }
        assert_eq!(Profile::find("RXE").map(|p| p.name), Some("rxe"));
        assert_eq!(Profile::find("cx7"), None);
    }
}
