//! NIC profiles as written.

use super::{RawEts, RawMarking, RawPfc};
use crate::scenario::quantity::{Dscp, Gain, OrOff, Priority, Sp, TimerCode};
use crate::time::SimDuration;
use crate::units::{BitRate, Bytes};
use schemars::JsonSchema;
use serde::Deserialize;

/// A NIC model with its configuration. Out of the box: no PFC, no congestion control.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scenario) struct RawNic {
    /// The profile to start from. Default: "default".
    pub(in crate::scenario) inherits: Option<Sp<String>>,
    /// RoCE path MTU: 256, 512, 1024, 2048 or 4096 bytes of payload per packet; any number with
    /// fixed framing. Default: 4096.
    pub(in crate::scenario) mtu: Option<Sp<u32>>,
    /// Pause. Default: off.
    pub(in crate::scenario) pfc: RawPfc,
    /// Scheduling of the priorities. Default: 6 and 7 strict, the others in equal shares.
    pub(in crate::scenario) ets: RawEts,
    /// ACK, NAK and CNP precede data of every priority. Default: true.
    pub(in crate::scenario) control_first: Option<Sp<bool>>,
    /// Among which queue pairs of a port turns go round. Default: "class".
    pub(in crate::scenario) turns: Option<Sp<RawTurns>>,
    /// From when the time to the next packet of a paced queue pair counts. Default: "due".
    pub(in crate::scenario) pacing: Option<Sp<RawPacing>>,
    /// Time from the posting of a message (a READ, an atomic) until its first packet may leave:
    /// doorbell, fetch of the work request, DMA of the first data. Default: "0us", as vendors
    /// publish none.
    pub(in crate::scenario) send_latency: Option<Sp<SimDuration>>,
    /// Receive buffer per port; what does not fit is dropped. Default: "512KiB".
    pub(in crate::scenario) rx_buffer: Option<Sp<Bytes>>,
    /// Pause is sent above this occupancy. Default: half of the receive buffer.
    pub(in crate::scenario) rx_xoff: Option<Sp<Bytes>>,
    /// Pause is withdrawn below this occupancy. Default: half of rx_xoff.
    pub(in crate::scenario) rx_xon: Option<Sp<Bytes>>,
    /// Rate at which received frames go to host memory; "off": faster than the port.
    /// Default: "off".
    pub(in crate::scenario) drain: Option<Sp<OrOff<BitRate>>>,
    /// The NIC stops pausing the network after pausing without a break for this long.
    /// Default: "off".
    pub(in crate::scenario) storm_guard: Option<Sp<OrOff<SimDuration>>>,
    /// Recovery from loss. Default: "go-back-n".
    pub(in crate::scenario) recovery: Option<Sp<RawRecovery>>,
    /// Packets per ACK. Those that ask for one (BTH AckReq) are acknowledged at once: the last of a
    /// message, the last that a window lets go, and, if the window follows the rate, as many that
    /// the sender never waits for an ACK that is not due. Default: 4.
    pub(in crate::scenario) ack_every: Option<Sp<u32>>,
    /// Local ACK timeout: code n for 4.096 us x 2^n (0: never), or a time. Default: 14 (67 ms).
    pub(in crate::scenario) timeout: Option<Sp<TimerCode>>,
    /// Retransmissions without progress before the QP fails; "off": no limit. Default: 7.
    pub(in crate::scenario) retry_cnt: Option<Sp<OrOff<u32>>>,
    /// RNR NAKs without progress before the QP fails, 0 to 7; 7: no limit. Default: 7.
    pub(in crate::scenario) rnr_retry: Option<Sp<u32>>,
    /// Wait that an RNR NAK demands: code of the IBTA table, or a time. Default: 12 (0.64 ms).
    pub(in crate::scenario) rnr_timer: Option<Sp<TimerCode>>,
    /// Responder: gap seen to NAK sent. Default: "1us".
    pub(in crate::scenario) nak_delay: Option<Sp<SimDuration>>,
    /// A gap that persists is reported again after this long; "off": once (IBTA).
    /// Default: "off".
    pub(in crate::scenario) nak_repeat: Option<Sp<OrOff<SimDuration>>>,
    /// Requester: NAK received to retransmission. Default: "1us".
    pub(in crate::scenario) retransmit_delay: Option<Sp<SimDuration>>,
    /// Most packets in flight per QP; "off": no limit below 2^23. Default: "off".
    pub(in crate::scenario) max_outstanding: Option<Sp<OrOff<u32>>>,
    /// Most READs and atomics in flight per QP. Default: 16.
    pub(in crate::scenario) max_rd_atomic: Option<Sp<u32>>,
    /// Congestion notification by the receiver.
    pub(in crate::scenario) cnp: RawCnp,
    /// Congestion control of the sender. Default: "none".
    pub(in crate::scenario) cc: Option<Sp<RawCc>>,
    /// Bound of bytes in flight per QP under any congestion control. Default: "off".
    pub(in crate::scenario) window: Option<Sp<OrOff<Bytes>>>,
    /// Scale the window with current rate / line rate. Default: false.
    pub(in crate::scenario) window_variable: Option<Sp<bool>>,
    /// Parameters of DCQCN.
    pub(in crate::scenario) dcqcn: RawDcqcn,
    /// Parameters of TIMELY.
    pub(in crate::scenario) timely: RawTimely,
    /// Parameters of HPCC.
    pub(in crate::scenario) hpcc: RawHpcc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum RawRecovery {
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
pub(in crate::scenario) enum RawTurns {
    /// Those of a priority; `ets` chooses among priorities.
    Class,
    /// All, whatever their priority, and control packets before them: the HPCC ns-3 simulator's
    /// way. Not with `ets`.
    Port,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum RawPacing {
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
pub(in crate::scenario) enum RawCc {
    None,
    Dcqcn,
    Timely,
    Hpcc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum RawCnpMode {
    Off,
    /// Real CNP packets.
    On,
    /// A flag on the ACK of every marked packet, as in the HPCC simulator.
    Echo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum RawCnpScope {
    Qp,
    /// Per destination IP address.
    Ip,
    Port,
}

/// DCQCN notification point.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scenario) struct RawCnp {
    /// Default: "on".
    pub(in crate::scenario) mode: Option<Sp<RawCnpMode>>,
    /// At most one CNP per interval and scope. Default: "50us".
    pub(in crate::scenario) interval: Option<Sp<SimDuration>>,
    /// Default: "qp".
    pub(in crate::scenario) scope: Option<Sp<RawCnpScope>>,
    /// Default: 48.
    pub(in crate::scenario) dscp: Option<Sp<Dscp>>,
    /// Default: 6.
    pub(in crate::scenario) priority: Option<Sp<Priority>>,
    /// Default: the priority.
    pub(in crate::scenario) pcp: Option<Sp<Priority>>,
}

impl RawCnp {
    pub(in crate::scenario) fn marking(&self) -> RawMarking {
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
pub(in crate::scenario) struct RawDcqcn {
    /// Weight of new feedback. Default: "1/256".
    pub(in crate::scenario) g: Option<Sp<Gain>>,
    /// alpha is updated once per interval. Default: "55us".
    pub(in crate::scenario) alpha_interval: Option<Sp<SimDuration>>,
    /// The rate is cut at most once per interval. Default: "50us".
    pub(in crate::scenario) decrease_interval: Option<Sp<SimDuration>>,
    /// Rate increase timer. Default: "300us".
    pub(in crate::scenario) increase_timer: Option<Sp<SimDuration>>,
    /// Bytes per stage of the byte counter; "off": timer only. Default: "10MB".
    pub(in crate::scenario) byte_counter: Option<Sp<OrOff<Bytes>>>,
    /// Steps of fast recovery (F). Default: 5.
    pub(in crate::scenario) fast_recovery: Option<Sp<u32>>,
    /// Additive increase. Default: "40Mbps".
    pub(in crate::scenario) rate_ai: Option<Sp<BitRate>>,
    /// Hyper increase. Default: "400Mbps".
    pub(in crate::scenario) rate_hai: Option<Sp<BitRate>>,
    /// Least rate. Default: "100Mbps".
    pub(in crate::scenario) rate_min: Option<Sp<BitRate>>,
    /// Set the target to the current rate also at consecutive cuts. Default: false.
    pub(in crate::scenario) clamp_target: Option<Sp<bool>>,
}

/// TIMELY. Defaults: as published, scaled to data-centre RTTs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scenario) struct RawTimely {
    /// Weight of a new RTT sample. Default: 0.875.
    pub(in crate::scenario) ewma: Option<Sp<Gain>>,
    /// Multiplicative decrease. Default: 0.8.
    pub(in crate::scenario) beta: Option<Sp<Gain>>,
    /// Always increase below this RTT. Default: "50us".
    pub(in crate::scenario) t_low: Option<Sp<SimDuration>>,
    /// Always decrease above this RTT. Default: "500us".
    pub(in crate::scenario) t_high: Option<Sp<SimDuration>>,
    /// RTT by which gradients are normalised. Default: "20us".
    pub(in crate::scenario) min_rtt: Option<Sp<SimDuration>>,
    /// Additive increase. Default: "50Mbps".
    pub(in crate::scenario) rate_ai: Option<Sp<BitRate>>,
    /// Hyperactive increase. Default: "250Mbps".
    pub(in crate::scenario) rate_hai: Option<Sp<BitRate>>,
    /// Least rate. Default: "100Mbps".
    pub(in crate::scenario) rate_min: Option<Sp<BitRate>>,
}

/// HPCC. Defaults: as published.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::scenario) struct RawHpcc {
    /// Target utilisation. Default: 0.95.
    pub(in crate::scenario) u_target: Option<Sp<Gain>>,
    /// Additive stages before a multiplicative update. Default: 5.
    pub(in crate::scenario) max_stage: Option<Sp<u32>>,
    /// Additive increase. Default: "50Mbps".
    pub(in crate::scenario) rate_ai: Option<Sp<BitRate>>,
    /// Least rate. Default: "100Mbps".
    pub(in crate::scenario) rate_min: Option<Sp<BitRate>>,
    /// RTT of the empty network. Default: "13us".
    pub(in crate::scenario) base_rtt: Option<Sp<SimDuration>>,
    /// React to every ACK within an RTT. Default: true.
    pub(in crate::scenario) fast_react: Option<Sp<bool>>,
    /// A rate per hop, of which the least counts. Default: false.
    pub(in crate::scenario) multi_rate: Option<Sp<bool>>,
}
