//! NIC profiles as written.

use super::{RawEts, RawMarking, RawPfc};
use crate::quantity::{Dscp, Gain, LogBase, OrOff, Priority, Sp, TimerCode};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use xoff_model::time::SimDuration;
use xoff_model::units::{BitRate, Bytes, Probability};

/// A NIC model with its configuration. Out of the box: no PFC, no congestion control.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawNic {
    /// The profile to start from. Default: "default".
    pub(crate) inherits: Option<Sp<String>>,
    /// RoCE path MTU: 256, 512, 1024, 2048 or 4096 bytes of payload per packet; any number with
    /// fixed framing. Default: 4096.
    pub(crate) mtu: Option<Sp<u32>>,
    /// Pause. Default: off.
    pub(crate) pfc: RawPfc,
    /// Scheduling of the priorities. Default: 6 and 7 strict, the others in equal shares.
    pub(crate) ets: RawEts,
    /// ACK, NAK and CNP precede data of every priority. Default: true.
    pub(crate) control_first: Option<Sp<bool>>,
    /// Among which queue pairs of a port turns go round. Default: "class".
    pub(crate) turns: Option<Sp<RawTurns>>,
    /// From when the time to the next packet of a paced queue pair counts. Default: "due".
    pub(crate) pacing: Option<Sp<RawPacing>>,
    /// Time from the posting of a message (a READ, an atomic) until its first packet may leave:
    /// doorbell, fetch of the work request, DMA of the first data. Default: "0us".
    pub(crate) send_latency: Option<Sp<SimDuration>>,
    /// Receive buffer per port; what does not fit is dropped. Default: "512KiB".
    pub(crate) rx_buffer: Option<Sp<Bytes>>,
    /// Pause is sent above this occupancy. Default: half of the receive buffer.
    pub(crate) rx_xoff: Option<Sp<Bytes>>,
    /// Pause is withdrawn below this occupancy. Default: half of rx_xoff.
    pub(crate) rx_xon: Option<Sp<Bytes>>,
    /// Rate at which received frames go to host memory; "off": faster than the port.
    /// Default: "off".
    pub(crate) drain: Option<Sp<OrOff<BitRate>>>,
    /// The NIC stops pausing the network after pausing without a break for this long.
    /// Default: "off".
    pub(crate) storm_guard: Option<Sp<OrOff<SimDuration>>>,
    /// Recovery from loss. Default: "go-back-n".
    pub(crate) recovery: Option<Sp<RawRecovery>>,
    /// Packets per ACK. Those that ask for one (BTH AckReq) are acknowledged at once: the last of a
    /// message, the last that a window lets go, and, if the window follows the rate, as many that
    /// the sender never waits for an ACK that is not due. Default: 4, or 1 if
    /// `cc` lives on ACKs (timely, hpcc, hpcc-pint, dctcp).
    pub(crate) ack_every: Option<Sp<u32>>,
    /// Local ACK timeout: code n for 4.096 us x 2^n (0: never), or a time. Default: 14 (67 ms).
    pub(crate) timeout: Option<Sp<TimerCode>>,
    /// Retransmissions without progress before the QP fails; "off": no limit. Default: 7.
    pub(crate) retry_cnt: Option<Sp<OrOff<u32>>>,
    /// RNR NAKs without progress before the QP fails, 0 to 7; 7: no limit. Default: 7.
    pub(crate) rnr_retry: Option<Sp<u32>>,
    /// Wait that an RNR NAK demands: code of the IBTA table, or a time. Default: 12 (0.64 ms).
    pub(crate) rnr_timer: Option<Sp<TimerCode>>,
    /// Responder: gap seen to NAK sent. Default: "1us".
    pub(crate) nak_delay: Option<Sp<SimDuration>>,
    /// A gap that persists is reported again after this long; "off": once (IBTA).
    /// Default: "off".
    pub(crate) nak_repeat: Option<Sp<OrOff<SimDuration>>>,
    /// Requester: NAK received to retransmission. Default: "1us".
    pub(crate) retransmit_delay: Option<Sp<SimDuration>>,
    /// Most packets in flight per QP; "off": no limit below 2^23. Default: "off".
    pub(crate) max_outstanding: Option<Sp<OrOff<u32>>>,
    /// Most READs and atomics in flight per QP. Default: 16.
    pub(crate) max_rd_atomic: Option<Sp<u32>>,
    /// Congestion notification by the receiver.
    pub(crate) cnp: RawCnp,
    /// Congestion control of the sender. Default: "none".
    pub(crate) cc: Option<Sp<RawCc>>,
    /// Bound of bytes in flight per QP under any congestion control. Default: "off"; under hpcc
    /// and hpcc-pint what `hpcc.base_rtt` of the port's rate carries, scaled with the rate (HPCC,
    /// section 3).
    pub(crate) window: Option<Sp<OrOff<Bytes>>>,
    /// Scale a given window with current rate / line rate. Default: false.
    pub(crate) window_variable: Option<Sp<bool>>,
    /// Parameters of DCQCN.
    pub(crate) dcqcn: RawDcqcn,
    /// Parameters of TIMELY.
    pub(crate) timely: RawTimely,
    /// Parameters of HPCC, and of HPCC-PINT.
    pub(crate) hpcc: RawHpcc,
    /// What HPCC-PINT has besides the parameters of HPCC.
    pub(crate) pint: RawPint,
    /// Parameters of DCTCP.
    pub(crate) dctcp: RawDctcp,
    /// Largest IP packet in bytes that a frame may hold, as 1500 or 9000 (the interface's MTU);
    /// larger ones are discarded as they come in (rx_oversize). It holds a path MTU and 96 bytes of
    /// headers, or `mtu` is too large. "off": no limit. Default: "off".
    pub(crate) link_mtu: Option<Sp<OrOff<u32>>>,
    /// What it sends has a VLAN tag. Default: what `simulation.framing.vlan` says.
    pub(crate) tagged: Option<Sp<bool>>,
    /// What some ports have otherwise, by port number or neighbour: `[nic.default.port."1"]`,
    /// `[nic.default.port."leaf0"]`; patterns are as in `switch`.
    pub(crate) port: BTreeMap<String, Sp<RawNicPort>>,
}

impl RawNic {
    /// What its ports have.
    pub(crate) fn own_port(&self) -> RawNicPort {
        RawNicPort {
            pfc: self.pfc.clone(),
            ets: self.ets.clone(),
            rx_buffer: self.rx_buffer.clone(),
            rx_xoff: self.rx_xoff.clone(),
            rx_xon: self.rx_xon.clone(),
            drain: self.drain.clone(),
            storm_guard: self.storm_guard.clone(),
            link_mtu: self.link_mtu.clone(),
            tagged: self.tagged.clone(),
        }
    }
}

/// The configuration of a NIC port. What is left out is as in the NIC's own tables.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawNicPort {
    /// Pause.
    pub(crate) pfc: RawPfc,
    /// Scheduling of the priorities.
    pub(crate) ets: RawEts,
    /// Receive buffer; what does not fit is dropped.
    pub(crate) rx_buffer: Option<Sp<Bytes>>,
    /// Pause is sent above this occupancy.
    pub(crate) rx_xoff: Option<Sp<Bytes>>,
    /// Pause is withdrawn below this occupancy.
    pub(crate) rx_xon: Option<Sp<Bytes>>,
    /// Rate at which received frames go to host memory; "off": faster than the port.
    pub(crate) drain: Option<Sp<OrOff<BitRate>>>,
    /// The port stops pausing the network after pausing without a break for this long.
    pub(crate) storm_guard: Option<Sp<OrOff<SimDuration>>>,
    /// Largest IP packet in bytes that a frame may hold; "off": no limit.
    pub(crate) link_mtu: Option<Sp<OrOff<u32>>>,
    /// What it sends has a VLAN tag.
    pub(crate) tagged: Option<Sp<bool>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawRecovery {
    /// Resend the lost packet and everything after it.
    GoBackN,
    /// Restart the whole message.
    #[serde(rename = "go-back-0")]
    GoBack0,
    /// Resend only what is missing.
    Selective,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawTurns {
    /// Those of a priority; `ets` chooses among priorities.
    Class,
    /// All, whatever their priority, and control packets before them: the HPCC ns-3 simulator's
    /// way. Not with `ets`.
    Port,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawPacing {
    /// From when this packet was due. A sender that waited for its port makes up for it, by at
    /// most one packet of every queue pair that is at work at the port; time in pause, in an RNR
    /// wait or with a closed window is not made up for.
    Due,
    /// From when this packet was sent: the HPCC ns-3 simulator's way, in which paced senders that
    /// share a port stay below their rates.
    Sent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawCc {
    None,
    Dcqcn,
    Timely,
    Hpcc,
    /// HPCC with one rounded utilisation per packet instead of a record per hop.
    HpccPint,
    /// Receivers echo marks on ACKs instead of sending CNPs.
    Dctcp,
}

/// Whose rules hold where the ns-3 simulator of HPCC departs from the publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawVariant {
    Published,
    Ns3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawCnpMode {
    Off,
    /// Real CNP packets.
    On,
    /// A flag on the ACK of every marked packet, as in the HPCC simulator.
    Echo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RawCnpScope {
    Qp,
    /// Per destination IP address.
    Ip,
    Port,
}

/// DCQCN notification point.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawCnp {
    /// Default: "on".
    pub(crate) mode: Option<Sp<RawCnpMode>>,
    /// At most one CNP per interval and scope. Default: "50us".
    pub(crate) interval: Option<Sp<SimDuration>>,
    /// Default: "qp".
    pub(crate) scope: Option<Sp<RawCnpScope>>,
    /// Marked packet received to CNP ready to leave. Default: "0s" (no figure is published; DCQCN
    /// only says that CNPs are costly and therefore 50 us apart).
    pub(crate) delay: Option<Sp<SimDuration>>,
    /// Default: 48.
    pub(crate) dscp: Option<Sp<Dscp>>,
    /// Default: 6.
    pub(crate) priority: Option<Sp<Priority>>,
    /// Default: the priority.
    pub(crate) pcp: Option<Sp<Priority>>,
}

impl RawCnp {
    pub(crate) fn marking(&self) -> RawMarking {
        RawMarking {
            priority: self.priority.clone(),
            dscp: self.dscp.clone(),
            pcp: self.pcp.clone(),
        }
    }
}

/// DCQCN reaction point. Defaults: the published ones at 100 Gb/s.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawDcqcn {
    /// "published": a CNP cuts the rate at once, then alpha rises (Zhu et al., section 3). "ns3":
    /// cuts wait for a grid of decrease intervals that the first CNP starts, and alpha is updated
    /// on a grid of its own, before. Default: "published".
    pub(crate) variant: Option<Sp<RawVariant>>,
    /// Weight of new feedback. Default: "1/256".
    pub(crate) g: Option<Sp<Gain>>,
    /// alpha decays once per interval without a CNP. Default: "55us".
    pub(crate) alpha_interval: Option<Sp<SimDuration>>,
    /// The rate is cut at most once per interval; a CNP that comes sooner cuts at its end. Default:
    /// "50us".
    pub(crate) decrease_interval: Option<Sp<SimDuration>>,
    /// Rate increase timer. Default: "300us".
    pub(crate) increase_timer: Option<Sp<SimDuration>>,
    /// Bytes per stage of the byte counter; "off": timer only. Default: "10MB".
    pub(crate) byte_counter: Option<Sp<OrOff<Bytes>>>,
    /// Steps of fast recovery (F). Default: 5.
    pub(crate) fast_recovery: Option<Sp<u32>>,
    /// Additive increase. Default: "40Mbps".
    pub(crate) rate_ai: Option<Sp<BitRate>>,
    /// Hyper increase. Default: "400Mbps".
    pub(crate) rate_hai: Option<Sp<BitRate>>,
    /// Least rate. Default: "100Mbps".
    pub(crate) rate_min: Option<Sp<BitRate>>,
    /// Set the target to the current rate also at consecutive cuts (mlx5: clamp_tgt_rate; true is
    /// the rule of the paper). Default: false, as in mlx5.
    pub(crate) clamp_target: Option<Sp<bool>>,
    /// Current and target rate that a QP's first CNP sets, instead of a cut (mlx5:
    /// rate_to_set_on_first_cnp, whose 0 is "off"). Default: "off", as in mlx5.
    pub(crate) first_cnp_rate: Option<Sp<OrOff<BitRate>>>,
}

/// TIMELY. Defaults: as published, scaled to data-centre RTTs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawTimely {
    /// Weight of a new RTT sample. Default: 0.875.
    pub(crate) ewma: Option<Sp<Gain>>,
    /// Multiplicative decrease. Default: 0.8.
    pub(crate) beta: Option<Sp<Gain>>,
    /// Always increase below this RTT. Default: "50us".
    pub(crate) t_low: Option<Sp<SimDuration>>,
    /// Always decrease above this RTT. Default: "500us".
    pub(crate) t_high: Option<Sp<SimDuration>>,
    /// RTT by which gradients are normalised. Default: "20us".
    pub(crate) min_rtt: Option<Sp<SimDuration>>,
    /// Additive increase. Default: "50Mbps".
    pub(crate) rate_ai: Option<Sp<BitRate>>,
    /// Hyperactive increase. Default: "250Mbps".
    pub(crate) rate_hai: Option<Sp<BitRate>>,
    /// Least rate. Default: "100Mbps".
    pub(crate) rate_min: Option<Sp<BitRate>>,
}

/// HPCC. Defaults: as published.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawHpcc {
    /// "published": the rate grows by `rate_ai` per base RTT, however seldom a flow sends, and a
    /// packet or two that wait are no queue. "ns3": by `rate_ai` per round of ACKs, which starves
    /// flows of less than a packet per RTT. Default: "published".
    pub(crate) variant: Option<Sp<RawVariant>>,
    /// Target utilisation. Default: 0.95.
    pub(crate) u_target: Option<Sp<Gain>>,
    /// Additive stages before a multiplicative update. Default: 5.
    pub(crate) max_stage: Option<Sp<u32>>,
    /// Additive increase. Default: "50Mbps".
    pub(crate) rate_ai: Option<Sp<BitRate>>,
    /// Least rate. Default: "100Mbps".
    pub(crate) rate_min: Option<Sp<BitRate>>,
    /// RTT of the empty network. Default: "13us".
    pub(crate) base_rtt: Option<Sp<SimDuration>>,
    /// React to every ACK within an RTT. Default: true.
    pub(crate) fast_react: Option<Sp<bool>>,
    /// A rate per hop, of which the least counts. Default: false.
    pub(crate) multi_rate: Option<Sp<bool>>,
    /// Within an RTT, react only to hops with a queue. Default: false.
    pub(crate) sample_feedback: Option<Sp<bool>>,
}

/// HPCC-PINT. Defaults: as published.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawPint {
    /// Utilisation is told in powers of this, 1.001 to 16. Default: 1.05 (one byte).
    pub(crate) log_base: Option<Sp<LogBase>>,
    /// Share of packets that carry it. Default: 1.
    pub(crate) probability: Option<Sp<Probability>>,
}

/// DCTCP, with a rate instead of a window. Defaults: as published, and as in the HPCC simulator.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawDctcp {
    /// Weight of the last round trip's share of marked packets. Default: "1/16".
    pub(crate) g: Option<Sp<Gain>>,
    /// Increase per round trip. Default: "615Mbps" (1 kB per 13 us).
    pub(crate) rate_ai: Option<Sp<BitRate>>,
    /// Least rate. Default: "100Mbps".
    pub(crate) rate_min: Option<Sp<BitRate>>,
}
