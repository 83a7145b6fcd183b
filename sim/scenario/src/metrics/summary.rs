//! The metrics of one run.

pub use super::eval::{fct, goodput, is_congestion, slowdown_ppm};
use super::metric::{Eval, Metric, NoData, Scope};
use super::select::{Filter, MetricRef, Pattern};
use super::value::Value;
use super::view::View;
use xoff_model::results::{FlowResult, PortResult, RdmaCounters, Results};
use xoff_model::{Model, NodeId};

/// Gives the value of any metric of a run.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    model: &'a Model,
    results: &'a Results,
}

impl<'a> Summary<'a> {
    pub fn new(model: &'a Model, results: &'a Results) -> Self {
        Summary { model, results }
    }

    pub const fn results(&self) -> &'a Results {
        self.results
    }

    /// The value, or why there is none. Nothing selected is not zero: it is no data.
    pub fn eval(&self, reference: &MetricRef) -> Result<Value, NoData> {
        let metric = reference.metric;
        let view = self.view(reference)?;
        match metric.eval {
            Eval::Call(eval) => eval(&view),
            Eval::Counter(read) => Ok(metric.unit.value(self.counter(reference, &view, read))),
            Eval::Drops(cause) => Ok(metric.unit.value(view.drops(cause))),
        }
    }

    /// The value, if there is one.
    pub fn get(&self, reference: &MetricRef) -> Option<Value> {
        self.eval(reference).ok()
    }

    /// The value of a metric without selectors.
    pub fn whole(&self, metric: &'static Metric) -> Option<Value> {
        self.get(&MetricRef {
            metric,
            filters: Vec::new(),
        })
    }

    fn counter(
        &self,
        reference: &MetricRef,
        view: &View<'_>,
        read: fn(&RdmaCounters) -> u64,
    ) -> u64 {
        let by_node = reference
            .filters
            .iter()
            .any(|f| matches!(f, Filter::Node(_)));
        if by_node {
            view.nodes
                .iter()
                .filter_map(|&n| self.results.nodes.get(n as usize))
                .map(|node| read(&node.counters))
                .sum()
        } else {
            view.flows.iter().map(|flow| read(&flow.counters)).sum()
        }
    }

    fn view(&self, reference: &MetricRef) -> Result<View<'a>, NoData> {
        let mut view = View {
            model: self.model,
            results: self.results,
            flows: Vec::new(),
            ports: Vec::new(),
            nodes: Vec::new(),
            priorities: reference.priorities(),
            filtered: !reference.filters.is_empty(),
        };
        let filters = &reference.filters;
        let by_node = filters.iter().any(|f| matches!(f, Filter::Node(_)));
        let by_flow = filters.iter().any(|f| {
            matches!(
                f,
                Filter::Group(_) | Filter::Flow(_) | Filter::Src(_) | Filter::Dst(_)
            )
        });
        let nothing = |what: &str| {
            let none = format!("no {what}");
            Err(NoData(if filters.is_empty() {
                none
            } else {
                format!("{none} is selected")
            }))
        };
        match reference.metric.scope {
            Scope::Run => {}
            Scope::Counter if by_node && by_flow => {
                return Err(NoData(
                    "a counter is taken from flows or from a node".to_owned(),
                ));
            }
            Scope::Counter | Scope::Node if by_node || reference.metric.scope == Scope::Node => {
                view.nodes = self.nodes(filters);
                if view.nodes.is_empty() {
                    return nothing("node");
                }
            }
            Scope::Flow | Scope::Counter | Scope::Node => {
                let results = self.results.flows.iter();
                view.flows = results.filter(|f| self.has_flow(f, filters)).collect();
                if view.flows.is_empty() {
                    return nothing("flow");
                }
            }
            Scope::Port | Scope::PortPriority => {
                let results = self.results.ports.iter();
                view.ports = results.filter(|p| self.has_port(p, filters)).collect();
                if view.ports.is_empty() || view.priorities == 0 {
                    return nothing("port");
                }
            }
        }
        Ok(view)
    }

    fn node_matches(&self, pattern: &Pattern, node: NodeId) -> bool {
        self.model
            .nodes
            .get(node as usize)
            .is_some_and(|n| pattern.matches(&n.name))
    }

    fn nodes(&self, filters: &[Filter]) -> Vec<NodeId> {
        let all = 0..self.model.nodes.len() as NodeId;
        all.filter(|&n| {
            filters.iter().all(|f| match f {
                Filter::Node(pattern) => self.node_matches(pattern, n),
                _ => true,
            })
        })
        .collect()
    }

    fn has_flow(&self, result: &FlowResult, filters: &[Filter]) -> bool {
        let Some(flow) = self.model.flows.get(result.flow as usize) else {
            return false;
        };
        filters.iter().all(|f| match f {
            Filter::Group(p) => p.matches(&flow.group),
            Filter::Flow(p) => p.matches(&flow.name),
            Filter::Src(p) => self.node_matches(p, flow.src),
            Filter::Dst(p) => self.node_matches(p, flow.dst),
            Filter::Node(_) | Filter::Port(..) | Filter::Towards(..) | Filter::Prio(_) => true,
        })
    }

    fn has_port(&self, port: &PortResult, filters: &[Filter]) -> bool {
        filters.iter().all(|f| match f {
            Filter::Node(p) => self.node_matches(p, port.node),
            Filter::Port(node, index) => {
                self.node_matches(node, port.node) && index.matches(&port.port.to_string())
            }
            Filter::Towards(node, peer) => {
                self.node_matches(node, port.node) && self.node_matches(peer, port.peer)
            }
            Filter::Group(_) | Filter::Flow(_) | Filter::Src(_) | Filter::Dst(_) => true,
            Filter::Prio(_) => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xoff_model::Model;
    use xoff_model::testing::incast;
    use xoff_model::time::SimTime;

    fn eval(m: &Model, r: &Results, text: &str) -> String {
        match Summary::new(m, r).eval(&MetricRef::parse(text).unwrap()) {
            Ok(v) => v.to_string(),
            Err(NoData(why)) => format!("- {why}"),
        }
    }

    /// A flow whose time has not come, or that waits for another, has no share yet. One that could
    /// have sent and did not has a share of nothing.
    #[test]
    fn flows_that_have_not_started_have_no_share() {
        let (mut m, mut r) = incast();
        let add = |m: &mut Model, r: &mut Results, start: SimTime, after: Option<u32>| {
            let flow = m.flows.len() as u32;
            let mut spec = m.flows[0].clone();
            (spec.name, spec.start, spec.after) = (format!("f{flow}"), start, after);
            m.flows.push(spec);
            r.flows.push(FlowResult {
                flow,
                start,
                active_until: r.end,
                ..FlowResult::default()
            });
        };
        let all = ["goodput.jain", "goodput.min", "goodput.mean", "goodput.max"];
        let before = all.map(|metric| eval(&m, &r, metric));
        let end = r.end;
        add(&mut m, &mut r, end, None);
        add(&mut m, &mut r, SimTime::from_ps(end.ps() + 1), None);
        // The victim has not delivered a whole message.
        add(&mut m, &mut r, SimTime::ZERO, Some(3));
        assert_eq!(all.map(|metric| eval(&m, &r, metric)), before);
        let none = "- no selected flow has started";
        assert_eq!(eval(&m, &r, "goodput.jain[flow=f4|f5]"), none);
        // This one could have sent.
        add(&mut m, &mut r, SimTime::ZERO, Some(0));
        assert_eq!(eval(&m, &r, "goodput.min"), "0bps");
        assert_ne!(eval(&m, &r, "goodput.jain"), before[0]);
    }

    #[test]
    fn metrics_of_a_small_run() {
        let (m, r) = incast();
        for (text, want) in [
            ("flows.total", "4"),
            ("flows.completed", "3"),
            ("flows.unfinished", "1"),
            ("flows.failed", "0"),
            ("fct.max[group=incast]", "300us"),
            ("fct.min", "100us"),
            ("fct.mean[group=incast]", "200us"),
            ("fct.p50[group=incast]", "200us"),
            ("fct.p50", "200us"),
            ("fct.max", "- victim is not finished"),
            ("fct.mean", "- victim is not finished"),
            ("slowdown.max[group=incast]", "3"),
            ("slowdown.p50[flow=f0|f1]", "1"),
            ("goodput.total[group=incast]", "80Gbps"),
            ("goodput.min", "4Gbps"),
            ("goodput.max", "80Gbps"),
            ("goodput.jain[flow=f0]", "1"),
            ("efficiency[group=incast]", "80%"),
            ("fct.max[group=none]", "- no flow is selected"),
            ("drops.total", "12"),
            ("drops.lossless", "2"),
            ("drops.lossy", "7"),
            ("drops.link_error", "3"),
            ("drops.total[node=sw0]", "9"),
            (
                "drops.lossless[prio=0]",
                "- no selected priority is lossless",
            ),
            ("retransmits.ratio", "5%"),
            ("naks[src=h1]", "4"),
            ("counters.packet_seq_err[node=h1]", "4"),
            ("pause.frames", "10"),
            ("pause.time[port=h1:0,prio=3]", "50us"),
            ("pause.time[port=h1>sw0]", "50us"),
            ("pause.share", "10%"),
            ("queue.peak[port=sw0>h0]", "250kB"),
            ("buffer.peak", "900kB"),
            ("buffer.peak[node=h0]", "64kB"),
            ("utilisation[port=sw0:0]", "90%"),
            ("tx.share[port=sw0:0,prio=3]", "75%"),
            ("deadlocks", "0"),
            ("watchdog.storms", "- no switch has a PFC watchdog"),
            ("latency.p99", "20us"),
            ("time.end", "500us"),
        ] {
            assert_eq!(eval(&m, &r, text), want, "{text}");
        }
    }

    #[test]
    fn an_empty_run_has_data_only_where_it_means_something() {
        let (mut m, mut r) = incast();
        m.flows.clear();
        r.flows.clear();
        assert_eq!(eval(&m, &r, "goodput.min"), "- no flow");
        assert_eq!(eval(&m, &r, "naks"), "- no flow");
        r.ports.clear();
        r.nodes.clear();
        assert_eq!(eval(&m, &r, "drops.total"), "- no port");
        m.deadlock_scan = None;
        assert!(eval(&m, &r, "deadlocks").starts_with("- deadlocks are not looked for"));
        for metric in super::super::catalogue::METRICS {
            let _ = Summary::new(&m, &r).whole(metric);
        }
    }
}
