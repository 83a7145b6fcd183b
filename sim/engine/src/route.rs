//! The way that a flow's packets go.

use xoff_model::topology::fabric::{Ends, Fabric, PathKey, PortId};
use xoff_model::{FlowSpec, Op};

/// The ECMP key of a flow, in the direction of its data or against it.
pub(crate) fn path_key(spec: &FlowSpec, data: bool) -> PathKey {
    let key = PathKey {
        src: spec.src,
        dst: spec.dst,
        sport: spec.sport,
        dport: spec.dport,
    };
    if data == (spec.op == Op::Read) {
        key.reversed()
    } else {
        key
    }
}

/// Egress ports of a flow's data, or of what answers it; None if there is no way.
pub(crate) fn flow_path(fabric: &mut Fabric, spec: &FlowSpec, data: bool) -> Option<Vec<PortId>> {
    let key = path_key(spec, data);
    let forward = key.src == spec.src;
    let ends = stated_ports(fabric, spec, data);
    match &spec.path {
        Some(via) if forward => fabric.explicit_path(via, key, ends),
        Some(via) => {
            let via: Vec<u32> = via.iter().rev().copied().collect();
            fabric.explicit_path(&via, key, ends)
        }
        None => fabric.path(key.src, key, ends),
    }
}

/// The ports by which a flow's data, or what answers it, must leave and arrive.
pub(crate) fn stated_ports(fabric: &Fabric, spec: &FlowSpec, data: bool) -> Ends {
    let port =
        |node: u32, index: Option<u32>| index.map(|index| fabric.node_ports(node).start + index);
    let (src, dst) = (port(spec.src, spec.src_port), port(spec.dst, spec.dst_port));
    if path_key(spec, data).src == spec.src {
        Ends {
            first: src,
            last: dst,
        }
    } else {
        Ends {
            first: dst,
            last: src,
        }
    }
}

impl crate::Sim<'_> {
    pub(crate) fn path_key(&self, qp: u32, data: bool) -> PathKey {
        path_key(&self.model.flows[qp as usize], data)
    }
}
