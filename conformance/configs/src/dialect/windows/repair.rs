//! Cures as cmdlets.

use super::known::bears_on_qos;
use crate::device::{Device, Matches};
use crate::repair::{At, Edit, Wish};
use crate::source::Source;

pub(super) fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    let lines = match wish {
        Wish::Pfc { priority, .. } | Wish::NoDrop { priority, .. } => {
            vec![format!("Enable-NetQosFlowControl -Priority {priority}")]
        }
        Wish::Willing { willing, .. } => {
            vec![format!(
                "Set-NetQosDcbxSetting -Willing ${willing} -Confirm:$false"
            )]
        }
        Wish::AdapterQos { port } => vec![format!("Enable-NetAdapterQos -Name \"{port}\"")],
        // The keyword counts the Ethernet header.
        Wish::Mtu { port, bytes } => vec![property(port, "*JumboPacket", bytes.saturating_add(14))],
        Wish::Tag { port, vlan } => vec![tag(port, *vlan)],
        Wish::NoLinkPause { port } => vec![property(port, "*FlowControl", 0)],
        Wish::Share { queue, percent, .. } => {
            let index = usize::from(queue.checked_sub(1)?);
            let class = &device.host.as_ref()?.ets.get(index)?.name;
            vec![format!(
                "Set-NetQosTrafficClass -Name \"{class}\" -BandwidthPercentage {percent}"
            )]
        }
        Wish::MarkRdma {
            dscp: None,
            priority,
            ..
        } => mark(device, *priority)?,
        Wish::Like { port, other } => like(device, source, port, other),
        _ => return None,
    };
    if lines.is_empty() {
        return None;
    }
    Some(vec![Edit {
        at: At::End,
        lines: on(device, source, lines),
    }])
}

/// A file about several machines says which one is meant: each of them is its own alias there.
fn on(device: &Device, source: &Source, lines: Vec<String>) -> Vec<String> {
    if device.alias == source.stem() {
        return lines;
    }
    let run = |line: String| {
        format!(
            "Invoke-Command -ComputerName {} -ScriptBlock {{ {line} }}",
            device.name
        )
    };
    lines.into_iter().map(run).collect()
}

fn property(port: &str, keyword: &str, value: u32) -> String {
    format!(
        "Set-NetAdapterAdvancedProperty -Name \"{port}\" -RegistryKeyword \"{keyword}\" -RegistryValue {value}"
    )
}

fn tag(port: &str, vlan: u16) -> String {
    match port
        .strip_prefix("vEthernet (")
        .and_then(|p| p.strip_suffix(')'))
    {
        Some(vnic) => format!(
            "Set-VMNetworkAdapterVlan -ManagementOS -VMNetworkAdapterName \"{vnic}\" -Access -VlanId {vlan}"
        ),
        None => property(port, "VlanID", u32::from(vlan)),
    }
}

/// SMB Direct in this priority, with PFC and the class that it had.
fn mark(device: &Device, priority: u8) -> Option<Vec<String>> {
    let host = device.host.as_ref()?;
    let direct = host
        .policies
        .iter()
        .find(|p| matches!(p.matches, Matches::NetDirect(_)));
    let mut lines = vec![match direct {
        Some(policy) => format!(
            "Set-NetQosPolicy -Name \"{}\" -PriorityValue8021Action {priority}",
            policy.name
        ),
        None => format!(
            "New-NetQosPolicy \"SMBDirect\" -NetDirectPortMatchCondition 445 -PriorityValue8021Action {priority}"
        ),
    }];
    let on = device
        .ports
        .iter()
        .any(|p| p.qos.pfc.send[usize::from(priority.min(7))].is(&true));
    if !on {
        lines.push(format!("Enable-NetQosFlowControl -Priority {priority}"));
    }
    let old = direct
        .and_then(|p| p.priority)
        .filter(|&old| old != priority);
    if let Some(old) = old {
        if !on {
            lines.push(format!("Disable-NetQosFlowControl -Priority {old}"));
        }
        let class = host.ets.iter().find(|c| c.priorities == 1 << old.min(7));
        let taken = host
            .ets
            .iter()
            .any(|c| c.priorities & 1 << priority.min(7) != 0);
        lines.extend(class.filter(|_| !taken).map(|c| {
            format!(
                "Set-NetQosTrafficClass -Name \"{}\" -Priority {priority}",
                c.name
            )
        }));
    }
    Some(lines)
}

/// The lines about one adapter, said of another.
fn like(device: &Device, source: &Source, port: &str, other: &str) -> Vec<String> {
    let about = |(line, number): &(&str, u32)| {
        let first = line
            .trim()
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let quoted = [format!("\"{other}\""), format!("'{other}'")];
        device.lines.is_understood(*number)
            && bears_on_qos(&first)
            && quoted.iter().any(|q| line.contains(q.as_str()))
    };
    let lines = source.text.lines().zip(1_u32..).filter(about);
    lines
        .map(|(line, _)| {
            let line = line
                .trim()
                .replace(&format!("\"{other}\""), &format!("\"{port}\""));
            line.replace(&format!("'{other}'"), &format!("'{port}'"))
        })
        .collect()
}
