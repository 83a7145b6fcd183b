//! The members of the family: which one an input is for, and what their keys beyond those of the
//! original do there.

use super::keys::Takes;
use super::text::{Source, Word};

/// A descendant of the simulator, or its ancestor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// High-Precision-Congestion-Control.
    Hpcc,
    /// conweave-ns3.
    Conweave,
    /// ns3-datacenter (PowerTCP, Reverie).
    Datacenter,
    /// SimAI and the ns-3-alibabacloud below it.
    SimAi,
    /// astra-network-ns3.
    AstraSim,
    /// The ns-3 of m3 and Parsimon.
    M3,
    /// ns3-rdma, from which the original descends.
    Ns3Rdma,
}

impl Dialect {
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Hpcc => "HPCC ns-3",
            Dialect::Conweave => "conweave-ns3",
            Dialect::Datacenter => "ns3-datacenter",
            Dialect::SimAi => "SimAI ns-3",
            Dialect::AstraSim => "astra-sim ns-3",
            Dialect::M3 => "m3 ns-3",
            Dialect::Ns3Rdma => "ns3-rdma",
        }
    }

    /// What runs otherwise there whatever the keys say; xoff has the original's model.
    pub(super) fn differs(self) -> Option<&'static str> {
        Some(match self {
            Dialect::Hpcc | Dialect::AstraSim => return None,
            Dialect::Conweave => {
                "buffers and headroom are those of the original; conweave-ns3 drops lossless \
                 packets at egress, repeats pauses, lets them expire, and cuts rates when packets \
                 come out of order"
            }
            Dialect::Datacenter => {
                "buffers and headroom are those of the original, not those that the program of \
                 ns3-datacenter sets; what its command line would choose (--algorithm, \
                 --windowCheck, --wien) is CC_MODE, HAS_WIN and VAR_WIN here, without PowerTCP"
            }
            Dialect::SimAi => "reductions in NVSwitches (NVLS) are not modelled",
            Dialect::M3 => {
                "buffers and headroom are those of the original, BUFFER_SIZE is in MiB, and flows \
                 end with their last ACK; m3 counts KiB and ends them at the receiver"
            }
            Dialect::Ns3Rdma => {
                "frames and buffers are those of HPCC ns-3, its successor; ns3-rdma has longer \
                 headers and fixed shares"
            }
        })
    }
}

/// What a key of a member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It is read.
    Read,
    /// Only this value can be honoured; why another one cannot.
    Only(&'static str, &'static str),
    /// It names a file that is not written, and cannot change results.
    Output,
    /// It cannot change results: it sets when and how often something is watched, or acts only
    /// together with what is refused.
    Idle,
}

/// A key beside those of the original.
pub(super) struct ForkKey {
    pub(super) name: &'static str,
    pub(super) takes: Takes,
    pub(super) of: Dialect,
    pub(super) does: Use,
}

const fn key(name: &'static str, of: Dialect, does: Use) -> ForkKey {
    ForkKey {
        name,
        takes: Takes::One,
        of,
        does,
    }
}

use Dialect::{AstraSim, Conweave, M3, Ns3Rdma, SimAi};
use Use::{Idle, Only, Output, Read};

/// In the order in which they tell the dialect: the first that is there counts.
pub(super) const FORK_KEYS: [ForkKey; 54] = [
    key("APP_START_TIME", Ns3Rdma, Read),
    key("APP_STOP_TIME", Ns3Rdma, Read),
    key("BYTE_COUNTER", Ns3Rdma, Read),
    key(
        "CLAMP_TARGET_RATE_AFTER_TIMER",
        Ns3Rdma,
        Only(
            "0",
            "the target rate is clamped at every cut or at the first",
        ),
    ),
    key("CNP_INTERVAL", Ns3Rdma, Read),
    key("DCTCP_GAIN", Ns3Rdma, Read),
    key("FLOW_LEVEL_ECMP", Ns3Rdma, Read),
    key("KMAX", Ns3Rdma, Read),
    key("KMIN", Ns3Rdma, Read),
    key(
        "L2_TEST_READ",
        Ns3Rdma,
        Only("0", "flows are writes, not reads"),
    ),
    key(
        "L2_WAIT_FOR_ACK",
        Ns3Rdma,
        Only("0", "senders do not wait for the ACK of each chunk"),
    ),
    key(
        "NP_SAMPLING_INTERVAL",
        Ns3Rdma,
        Only("0", "CNPs follow marks at once, not samples of them"),
    ),
    key(
        "PACKET_LEVEL_ECMP",
        Ns3Rdma,
        Only("0", "packets of a flow take one path"),
    ),
    key("PMAX", Ns3Rdma, Read),
    key(
        "SEND_IN_CHUNKS",
        Ns3Rdma,
        Only("0", "a flow is sent at once, not chunk by chunk on demand"),
    ),
    key("TCP_FLOW_FILE", Ns3Rdma, Read),
    key("LB_MODE", Conweave, Read),
    key("ENABLE_IRN", Conweave, Read),
    key("FLOWGEN_START_TIME", Conweave, Read),
    key("FLOWGEN_STOP_TIME", Conweave, Read),
    key("RANDOM_SEED", Conweave, Read),
    key("LOAD", Conweave, Idle),
    key("SW_MONITORING_INTERVAL", Conweave, Idle),
    key("CONWEAVE_DEFAULT_VOQ_WAITING_TIME", Conweave, Idle),
    key("CONWEAVE_EXTRA_VOQ_FLUSH_TIME", Conweave, Idle),
    key("CONWEAVE_PATH_PAUSE_TIME", Conweave, Idle),
    key("CONWEAVE_REPLY_TIMEOUT_EXTRA", Conweave, Idle),
    key("CONWEAVE_TX_EXPIRY_TIME", Conweave, Idle),
    key("CNP_OUTPUT_FILE", Conweave, Output),
    key("CONN_MON_FILE", Conweave, Output),
    key("EST_ERROR_MON_FILE", Conweave, Output),
    key("FLOW_INPUT_FILE", Conweave, Output),
    key("UPLINK_MON_FILE", Conweave, Output),
    key("VOQ_MON_DETAIL_FILE", Conweave, Output),
    key("VOQ_MON_FILE", Conweave, Output),
    key("BW_MON_FILE", SimAi, Output),
    key("CNP_MON_FILE", SimAi, Output),
    key("RATE_MON_FILE", SimAi, Output),
    key("SEND_OUTPUT_FILE", SimAi, Output),
    key("BW_MON_INTERVAL", SimAi, Idle),
    key("MON_END", SimAi, Idle),
    key("MON_START", SimAi, Idle),
    key("QLEN_MON_INTERVAL", SimAi, Idle),
    key("QP_MON_INTERVAL", SimAi, Idle),
    key("ns3::RdmaHw::NACKGenerationInterval", SimAi, Read),
    key(
        "ns3::RdmaHw::NicCoalesceMethod",
        SimAi,
        Only(
            "PER_QP",
            "each queue pair has a congestion control of its own",
        ),
    ),
    key(
        "ns3::RdmaHw::NVLS_enable",
        SimAi,
        Only("0", "NVSwitches do not reduce what they forward"),
    ),
    // Spaces the CNPs of congestion controls that cannot be chosen here.
    key("ns3::RdmaHw::CnpInterval", SimAi, Idle),
    key("ns3::RdmaHw::GPUsPerServer", SimAi, Idle),
    key(OTHER_CONTROL, SimAi, Idle),
    key(
        "NIC_TOTAL_PAUSE_TIME",
        AstraSim,
        Only("0", "NICs are never paused by their PCIe bus"),
    ),
    key(
        "MAX_INFLIGHT_FLOWS",
        M3,
        Only("0", "flows start when they say, not when others are done"),
    ),
    key("N_CLIENTS_PER_RACK_FOR_CLOSED_LOOP", M3, Idle),
    // Of several members.
    key("ENABLE_PFC", Dialect::Hpcc, Read),
];

pub(super) fn fork_key(name: &str) -> Option<&'static ForkKey> {
    FORK_KEYS.iter().find(|k| k.name == name)
}

/// Attributes of classes of ns-3 (SimAI's `ns3::Class::Attribute value`), by class and attribute,
/// and the keys that they are.
const ATTRIBUTES: [(&str, &str); 30] = [
    ("QbbNetDevice::QcnEnabled", "ENABLE_QCN"),
    (
        "QbbNetDevice::DynamicThreshold",
        "USE_DYNAMIC_PFC_THRESHOLD",
    ),
    ("QbbNetDevice::PauseTime", "PAUSE_TIME"),
    ("QbbNetDevice::QbbEnabled", "ENABLE_PFC"),
    ("SwitchNode::PfcEnabled", "ENABLE_PFC"),
    ("SwitchNode::EcnEnabled", "ENABLE_QCN"),
    ("RdmaHw::Mtu", "PACKET_PAYLOAD_SIZE"),
    ("RdmaHw::CcMode", "CC_MODE"),
    ("RdmaHw::RateAI", "RATE_AI"),
    ("RdmaHw::RateHAI", "RATE_HAI"),
    ("RdmaHw::MinRate", "MIN_RATE"),
    ("RdmaHw::L2ChunkSize", "L2_CHUNK_SIZE"),
    ("RdmaHw::L2AckInterval", "L2_ACK_INTERVAL"),
    ("RdmaHw::L2BackToZero", "L2_BACK_TO_ZERO"),
    ("RdmaHw::VarWin", "VAR_WIN"),
    ("RdmaHw::RateBound", "RATE_BOUND"),
    ("RdmaHw::TotalPauseTimes", "NIC_TOTAL_PAUSE_TIME"),
    ("MellanoxDcqcn::AlphaResumInterval", "ALPHA_RESUME_INTERVAL"),
    (
        "MellanoxDcqcn::RateDecreaseInterval",
        "RATE_DECREASE_INTERVAL",
    ),
    ("MellanoxDcqcn::ClampTargetRate", "CLAMP_TARGET_RATE"),
    ("MellanoxDcqcn::RPTimer", "RP_TIMER"),
    ("MellanoxDcqcn::EwmaGain", "EWMA_GAIN"),
    ("MellanoxDcqcn::FastRecoveryTimes", "FAST_RECOVERY_TIMES"),
    ("Dctcp::DctcpRateAI", "DCTCP_RATE_AI"),
    ("Hpcc::FastReact", "FAST_REACT"),
    ("Hpcc::TargetUtil", "U_TARGET"),
    ("Hpcc::MiThresh", "MI_THRESH"),
    ("Hpcc::MultiRate", "MULTI_RATE"),
    ("Hpcc::SampleFeedback", "SAMPLE_FEEDBACK"),
    ("HpccPint::PintProb", "PINT_PROB"),
];

/// Parameters of congestion controls that CC_MODE cannot choose here.
const OTHER_CONTROL: &str = "ns3::RealDcqcn";

/// The key that an attribute of a class is. Those of congestion controls that CC_MODE cannot
/// choose here are idle. None: not known.
pub(super) fn attribute(word: &str) -> Option<&'static str> {
    let name = word.strip_prefix("ns3::")?;
    let class = name.split("::").next().unwrap_or_default();
    if matches!(class, "RealDcqcn" | "HpccEcn" | "Swift") {
        return Some(OTHER_CONTROL);
    }
    let shared = ATTRIBUTES.iter().find(|(attribute, _)| *attribute == name);
    shared
        .map(|(_, key)| *key)
        .or_else(|| fork_key(word).map(|k| k.name))
}

/// Something that tells the dialect.
#[derive(Clone, Debug)]
pub(super) struct Clue {
    pub(super) dialect: Dialect,
    /// `LB_MODE (config.txt:12)`.
    pub(super) what: String,
}

impl Clue {
    pub(super) fn at(dialect: Dialect, source: Source<'_>, word: Word<'_>, what: &str) -> Clue {
        let place = format!("{}:{}", source.file, source.line(word.at));
        Clue {
            dialect,
            what: format!("{what} ({place})"),
        }
    }
}

/// Whether an unknown key, by its name, only names or times something that is watched.
pub(super) fn watches(name: &str) -> bool {
    ["_FILE", "_MON_", "MONITOR", "_OUTPUT", "TRACE", "_LOG"]
        .iter()
        .any(|part| name.contains(part))
}

/// Whether a word looks like a key: `CC_MODE`, `ns3::RdmaHw::Mtu`.
pub(super) fn looks_like_key(word: &str) -> bool {
    let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    word.starts_with("ns3::")
        || word.len() > 2
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.chars().all(upper)
}
