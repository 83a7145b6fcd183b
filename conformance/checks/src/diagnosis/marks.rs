//! ECN marks and what became of them.

use super::Run;
use crate::words::plural;
use xoff_model::results::PortResult;
use xoff_model::{CcSpec, NpSpec};

/// Whether a congestion control slows down for marks.
fn reacts(cc: &CcSpec) -> bool {
    match cc {
        CcSpec::Dcqcn(_) | CcSpec::Dctcp(_) => true,
        CcSpec::None | CcSpec::Timely(_) | CcSpec::Hpcc(_) | CcSpec::HpccPint(_) => false,
    }
}

impl Run<'_> {
    /// Marks matter to those who look at them, or could.
    pub(super) fn marked(&self) -> Option<String> {
        let marked = |p: &PortResult| p.priority.iter().map(|q| q.ecn_marked).sum::<u64>();
        let ports = &self.results.ports;
        let total: u64 = ports.iter().map(marked).sum();
        let most = ports.iter().rev().max_by_key(|p| marked(p))?;
        let flows = || self.courses.iter().filter(|c| c.spec.ecn_capable);
        let reacting = flows().any(|c| reacts(&c.spec.cc));
        let without = flows().any(|c| c.spec.cc == CcSpec::None);
        if total == 0 || !(reacting || without) {
            return None;
        }
        let place = self.place(most);
        Some(format!(
            "ECN marked {}, most at {place}; {}",
            plural(total, "frame"),
            self.reaction(reacting)
        ))
    }

    fn reaction(&self, reacting: bool) -> String {
        if !reacting {
            return "no flow has a congestion control that looks at marks".to_owned();
        }
        let told = self.courses.iter().filter(|c| reacts(&c.spec.cc));
        let told: u64 = told.map(|c| c.result.counters.rp_cnp_handled).sum();
        let dctcp = |c: &CcSpec| matches!(c, CcSpec::Dctcp(_));
        let mut flows = self.courses.iter().map(|c| &c.spec.cc);
        let cnps = flows.any(|cc| reacts(cc) && !dctcp(cc));
        let mut nics = self.model.nics.iter();
        let echoes = nics.any(|nic| nic.np == NpSpec::EchoOnAck);
        let what = match (
            cnps,
            echoes || self.courses.iter().any(|c| dctcp(&c.spec.cc)),
        ) {
            (true, false) => "CNP",
            (true, true) if !echoes => "CNP or echoed mark",
            _ => "echoed mark",
        };
        match told {
            0 => format!("no {what} has told a sender to slow down"),
            n => format!("{} told senders to slow down", plural(n, what)),
        }
    }
}
