//! How work ends.

use serde::{Deserialize, Serialize};

/// `enum ibv_wc_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Success,
    LocLenErr,
    LocQpOpErr,
    LocEecOpErr,
    LocProtErr,
    WrFlushErr,
    MwBindErr,
    BadRespErr,
    LocAccessErr,
    RemInvReqErr,
    RemAccessErr,
    RemOpErr,
    RetryExcErr,
    RnrRetryExcErr,
    LocRddViolErr,
    RemInvRdReqErr,
    RemAbortErr,
    InvEecnErr,
    InvEecStateErr,
    FatalErr,
    RespTimeoutErr,
    GeneralErr,
    TmErr,
    TmRndvIncomplete,
}

impl Status {
    /// As in `ibv_wc_status`, without the prefix: `RETRY_EXC_ERR`.
    pub fn name(self) -> String {
        let name = serde_json::to_value(self);
        let name = name.ok().and_then(|name| name.as_str().map(str::to_owned));
        name.unwrap_or_else(|| format!("{self:?}"))
    }
}
