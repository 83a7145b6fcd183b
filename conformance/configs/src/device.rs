//! The neutral model that every dialect is read into: a device, its ports, what each does to a class.
//!
//! A *class* is what a device sorts frames into as they come in, 0 to 7: SONiC's traffic class, the
//! qos-group of NX-OS and OS10, the switch priority of Cumulus and Onyx, the forwarding class of Junos
//! (by its queue number), the priority of a NIC. From the class follow the egress queue, the priority
//! group (ingress buffer) and the 802.1p priority of its pause frames. A *priority* is what is on the
//! wire: in a tag, in a pause frame.

use crate::Dialect;
use crate::fact::Fact;
use crate::lines::Lines;
use crate::remark::Remark;
use crate::source::{FileId, Span};
use std::sync::Arc;
use xoff_model::time::SimDuration;
use xoff_model::units::{BitRate, Length};

/// Priorities, classes, queues and groups of a port.
pub const EIGHT: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Switch,
    Host,
}

/// A switch or a host.
#[derive(Clone, Debug)]
pub struct Device {
    /// As the file says it, else the file's name up to its first dot.
    pub name: String,
    /// What else it may be called in a topology: the file's stem.
    pub alias: String,
    pub dialect: Dialect,
    pub kind: Kind,
    /// The file that most of it comes from.
    pub file: FileId,
    /// The ports that the file configures, or that exist for sure, in the file's order. LAGs are ports,
    /// too.
    pub ports: Vec<Port>,
    /// Ports that the file does not name have this.
    pub other_ports: Port,
    /// The name of the port or LAG to the other switch of a pair (vPC peer-link, MLAG peer, VLTi).
    pub peer_link: Option<(String, Span)>,
    /// Frames for a server behind the other switch of the pair are sent back up (dual-ToR): where
    /// that is said, and whether the bounced frames get classes of their own.
    pub bounce: Option<Bounce>,
    /// Hosts: what its users run.
    pub host: Option<Host>,
    pub remarks: Vec<Remark>,
    pub lines: Lines,
}

/// Frames that a switch sends back where they came from.
#[derive(Clone, Debug)]
pub struct Bounce {
    pub at: Span,
    /// Classes differ on the way back, so that no circle of pauses exists.
    pub remapped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortKind {
    Physical,
    /// A bond, port-channel, aggregated Ethernet.
    Lag,
    /// A VLAN interface of a host, a vNIC: its frames leave by `Port::lag`'s port.
    Virtual,
}

#[derive(Clone, Debug)]
pub struct Port {
    /// In the device's full form: `Ethernet1/1`, not `Eth1/1`.
    pub name: String,
    /// The line that begins its configuration.
    pub at: Option<Span>,
    pub kind: PortKind,
    /// The LAG that it is a member of (or the port that carries a virtual one).
    pub lag: Option<(String, Span)>,
    pub description: Option<(String, Span)>,
    pub enabled: Fact<bool>,
    /// A layer-3 port: tags and with them PCP end here.
    pub routed: Fact<bool>,
    pub speed: Fact<BitRate>,
    pub cable: Fact<Length>,
    /// Bytes of the largest IP packet that passes (a device that counts the Ethernet header has it
    /// taken off).
    pub mtu: Fact<u32>,
    /// VLAN of untagged frames; None: it takes none.
    pub native_vlan: Fact<Option<u16>>,
    pub tagged_vlans: Fact<Vlans>,
    pub qos: Qos,
    /// Hosts only.
    pub rdma: Option<Rdma>,
}

/// The VLANs that a port carries with a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vlans {
    All,
    /// Ranges, both ends included; empty: none.
    These(Vec<(u16, u16)>),
}

impl Vlans {
    pub fn has(&self, vlan: u16) -> bool {
        match self {
            Vlans::All => true,
            Vlans::These(ranges) => ranges
                .iter()
                .any(|&(low, high)| (low..=high).contains(&vlan)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// IP packets by DSCP, the rest by the port's default (or by PCP: it makes no difference here).
    Dscp,
    /// Tagged frames by PCP.
    Pcp,
    /// IP packets by DSCP where that map has an entry of its own, else by PCP.
    DscpThenPcp,
    /// Everything has the port's default class.
    Nothing,
}

/// What a port does with classes, in both directions.
#[derive(Clone, Debug)]
pub struct Qos {
    pub trust: Fact<Trust>,
    /// Class of frames without a trusted marking.
    pub default_class: Fact<u8>,
    /// DSCP to class. A switch that classifies by a policy (NX-OS) has its matches here.
    pub dscp: Arc<[Fact<u8>; 64]>,
    /// PCP to class.
    pub pcp: Arc<[Fact<u8>; EIGHT]>,
    pub classes: [Class; EIGHT],
    pub queues: [Queue; EIGHT],
    pub groups: [Group; EIGHT],
    pub pfc: Pfc,
    /// 802.3x: pause frames of the whole link are obeyed, are sent.
    pub pause_rx: Fact<bool>,
    pub pause_tx: Fact<bool>,
    pub watchdog: Watchdog,
    pub dcbx: Dcbx,
}

/// One class of a port.
#[derive(Clone, Debug)]
pub struct Class {
    /// As the device calls it: `NO-LOSS`, `qos-group 3`. Empty: by its number.
    pub name: String,
    /// Egress queue.
    pub queue: Fact<u8>,
    /// Priority group: index into [`Qos::groups`].
    pub group: Fact<u8>,
    /// The device means to keep it lossless as it comes in: `pause pfc-cos 3`, a lossless priority
    /// group. Whether it does also needs PFC on the port.
    pub no_drop: Fact<bool>,
    /// 802.1p priority of the pause frames that are sent for it.
    pub pause: Fact<u8>,
    /// A limit of this class below the port's MTU, bytes of IP packet. None: the port's.
    pub mtu: Fact<Option<u32>>,
}

/// An egress queue.
#[derive(Clone, Debug)]
pub struct Queue {
    pub scheduler: Fact<Scheduler>,
    /// Most that the queue may send; None: all.
    pub shaper: Fact<Option<BitRate>>,
    pub wred: Wred,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduler {
    Strict,
    /// Percent of the link (ETS), or of what strict queues leave.
    Percent(u32),
    /// A weight beside those of the port's other queues.
    Weight(u32),
}

/// Early drop and marking of a queue.
#[derive(Clone, Debug)]
pub struct Wred {
    pub action: Fact<WredAction>,
    /// Bytes at which marking begins.
    pub min: Fact<u64>,
    /// Bytes from which all is marked.
    pub max: Fact<u64>,
    /// Percent at `max`.
    pub percent: Fact<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WredAction {
    /// Tail drop only.
    Off,
    /// ECN-capable packets are marked; RoCE packets are.
    Mark,
    /// Packets are dropped early.
    Drop,
}

/// An ingress buffer of a port.
#[derive(Clone, Debug)]
pub struct Group {
    /// It has headroom to be lossless.
    pub lossless: Fact<bool>,
    /// Bytes above the threshold that pauses (XOFF), per port.
    pub headroom: Fact<u64>,
    /// Guaranteed bytes.
    pub reserved: Fact<u64>,
    /// How much of the shared buffer it may take before it pauses (or drops).
    pub limit: Fact<Limit>,
    /// Bytes below the threshold at which it resumes.
    pub xon_offset: Fact<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// num / den of the free shared buffer.
    Dynamic {
        num: u32,
        den: u32,
    },
    Static(u64),
}

/// Priority-based flow control of a port. Arrays are by 802.1p priority.
#[derive(Clone, Debug)]
pub struct Pfc {
    pub mode: Fact<PfcMode>,
    /// Pause frames of this priority are sent when its class has filled its share.
    pub send: [Fact<bool>; EIGHT],
    /// Pause frames of this priority that are received are obeyed ...
    pub obey: [Fact<bool>; EIGHT],
    /// ... by this egress queue.
    pub stops: [Fact<u8>; EIGHT],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PfcMode {
    Off,
    On,
    /// By what DCBX agrees on with the peer.
    Auto,
}

#[derive(Clone, Debug)]
pub struct Watchdog {
    /// It looks at this port's lossless queues.
    pub on: Fact<bool>,
    /// A queue that is paused for this long is in a storm.
    pub detect: Fact<SimDuration>,
    /// Without pause for this long it is normal again.
    pub restore: Fact<SimDuration>,
    /// Time between two looks.
    pub poll: Fact<SimDuration>,
    /// Packets are dropped meanwhile (else: the pause is ignored).
    pub drops: Fact<bool>,
}

#[derive(Clone, Debug)]
pub struct Dcbx {
    /// It sends and reads DCBX TLVs.
    pub on: Fact<bool>,
    pub version: Fact<DcbxVersion>,
    /// It takes the peer's settings.
    pub willing: Fact<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DcbxVersion {
    Ieee,
    Cee,
    /// What the peer speaks.
    Auto,
}

/// RDMA on a host's port.
#[derive(Clone, Debug)]
pub struct Rdma {
    pub on: Fact<bool>,
    pub transport: Fact<Transport>,
    /// The kinds of programs that send RDMA, each with its marking.
    pub senders: Vec<Sender>,
    /// Congestion notification packets of the NIC.
    pub cnp: Marking,
    /// The NIC marks no DSCP; a line says that frames have a VLAN tag, or that they have none.
    pub tagged: Fact<bool>,
    /// VLAN of its RDMA frames; None: none.
    pub vlan: Fact<Option<u16>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    RoceV1,
    RoceV2,
    Iwarp,
}

/// Who sends RDMA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Connections made by librdmacm or the kernel's rdma_cm.
    RdmaCm,
    /// Queue pairs that a program sets up by itself: perftest, UCX, NCCL.
    Verbs,
    /// SMB Direct of Windows.
    SmbDirect,
    /// A program with a marking of its own: "NCCL (GPU-initiated)".
    App(String),
}

/// One kind of sender.
#[derive(Clone, Debug)]
pub struct Sender {
    pub who: Who,
    pub marking: Marking,
}

/// How packets leave a host.
#[derive(Clone, Debug)]
pub struct Marking {
    pub dscp: Fact<u8>,
    /// The NIC's own class (and its pause priority) for them; the PCP if there is a tag.
    pub priority: Fact<u8>,
}

/// What belongs to a host as a whole.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Policies that tell traffic apart (Windows).
    pub policies: Vec<Policy>,
    /// ETS classes in the order in which they were made (Windows).
    pub ets: Vec<EtsClass>,
    /// It shows that SMB Direct or a Microsoft cluster runs here, so that Microsoft's rules for these hold.
    pub microsoft: bool,
}

/// A rule of Windows that gives a priority to traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub name: String,
    pub matches: Matches,
    pub priority: Option<u8>,
    pub at: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matches {
    /// NetworkDirect on this port: SMB Direct if it is 445.
    NetDirect(u16),
    /// TCP port 445 (`-SMB`), which is SMB without RDMA.
    Smb,
    Cluster,
    LiveMigration,
    Default,
    /// Anything else.
    Other(String),
}

/// A class of Windows with a share.
#[derive(Clone, Debug)]
pub struct EtsClass {
    pub name: String,
    pub priorities: u8,
    pub percent: Fact<u32>,
    pub strict: bool,
    pub at: Span,
}

impl Device {
    /// The port of this name, in any way of writing it that the device understands.
    pub fn port(&self, name: &str) -> Option<&Port> {
        let wanted = crate::names::key(name);
        self.ports
            .iter()
            .find(|port| crate::names::key(&port.name) == wanted)
    }
}
