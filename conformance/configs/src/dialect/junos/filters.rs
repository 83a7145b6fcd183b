//! Firewall filters that sort packets into classes: they have the last word, after classifiers.

use super::cos::{Cos, Field, Said};
use super::tree::{Tree, View};

/// Which packets a term sorts.
#[derive(Clone, Debug)]
pub(super) enum Sorts<'a> {
    Points(Field, Vec<u8>),
    /// All, or all RDMA.
    All,
    /// By what is not followed here.
    Some(&'a str),
}

/// A term with `then forwarding-class`.
#[derive(Clone, Debug)]
pub(super) struct Term<'a> {
    pub(super) sorts: Sorts<'a>,
    pub(super) class: Said<&'a str>,
}

/// UDP port of RoCEv2.
const ROCE: &str = "4791";

/// The terms of a filter that bear on RDMA over UDP.
pub(super) fn terms<'a>(tree: &Tree<'a>, cos: &Cos<'a>, name: &str) -> Vec<Term<'a>> {
    let Some(firewall) = tree.root().child("firewall") else {
        return Vec::new();
    };
    let families = firewall.values("family");
    let filter = families
        .chain([firewall])
        .find_map(|f| f.child("filter")?.child(name));
    let Some(filter) = filter else {
        return Vec::new();
    };
    filter
        .values("term")
        .filter_map(|term| term_of(cos, term))
        .collect()
}

fn term_of<'a>(cos: &Cos<'a>, term: View<'_, 'a>) -> Option<Term<'a>> {
    let then = term.child("then")?;
    let class = then.value("forwarding-class")?;
    if let Some(level) = then.child("loss-priority") {
        level.see_all();
    }
    let mut sorts = Sorts::All;
    for from in term.child("from").into_iter().flat_map(View::kids) {
        let values: Vec<&str> = from.kids().map(View::word).collect();
        let points = |field: Field| {
            let codes = values
                .iter()
                .filter_map(|v| cos.code_point(field, v).or_else(|| number(field, v)));
            Sorts::Points(field, codes.collect())
        };
        match from.word() {
            "dscp" | "traffic-class" => sorts = points(Field::Dscp),
            "user-vlan-1p-priority" | "learn-vlan-1p-priority" | "dot1q-user-priority" => {
                sorts = points(Field::Pcp);
            }
            "protocol" | "ip-protocol" | "next-header" => {
                if !values.iter().any(|v| matches!(*v, "udp" | "17")) {
                    return None;
                }
            }
            "destination-port" | "port" => {
                if !values.contains(&ROCE) {
                    return None;
                }
            }
            other => sorts = Sorts::Some(other),
        }
        from.see_all();
    }
    Some(Term {
        sorts,
        class: Said {
            value: class.word(),
            at: class.at(),
        },
    })
}

fn number(field: Field, word: &str) -> Option<u8> {
    let most = if field == Field::Dscp { 64 } else { 8 };
    word.parse().ok().filter(|n| *n < most)
}
