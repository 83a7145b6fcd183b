//! Wishes as commands.

use crate::device::{Device, Trust};
use crate::repair::{At, Edit, Wish};
use crate::source::Source;

pub(super) fn repair(device: &Device, source: &Source, wish: &Wish) -> Option<Vec<Edit>> {
    let end = |lines: Vec<String>| Some(vec![Edit::end(lines)]);
    match wish {
        Wish::Pfc { port, priority } => {
            let list: Vec<&str> = (0..8_u8)
                .map(|n| if n == *priority { "1" } else { "0" })
                .collect();
            end(vec![format!("mlnx_qos -i {port} --pfc {}", list.join(","))])
        }
        Wish::Trust { port, trust } => {
            let trust = if *trust == Trust::Pcp { "pcp" } else { "dscp" };
            end(vec![format!("mlnx_qos -i {port} --trust {trust}")])
        }
        Wish::MarkRdma {
            port,
            dscp: Some(dscp),
            priority,
        } => {
            let mut lines = vec![format!("mlnx_qos -i {port} --trust dscp")];
            if dscp >> 3 != *priority {
                lines.push(format!(
                    "mlnx_qos -i {port} --dscp2prio set,{dscp},{priority}"
                ));
            }
            let tos = (dscp << 2) + 2;
            let mut edits: Vec<Edit> = Vec::new();
            let devices = rdma_devices(source);
            for name in &devices {
                lines.push(format!("cma_roce_tos -d {name} -t {tos}"));
                lines.push(format!(
                    "echo {tos} > /sys/class/infiniband/{name}/tc/1/traffic_class"
                ));
            }
            if source.text.contains("NCCL_GIN_ENABLE") || source.text.contains("NCCL_IB_TC") {
                lines.push(format!("export NCCL_IB_TC={tos}"));
            }
            edits.push(Edit::end(lines));
            Some(edits)
        }
        Wish::MarkCnp { port, dscp } => end(vec![format!(
            "echo {dscp} > /sys/class/net/{port}/ecn/roce_np/cnp_dscp"
        )]),
        Wish::NoLinkPause { port } => end(vec![format!("ethtool -A {port} rx off tx off")]),
        Wish::Mtu { port, bytes } => end(vec![format!("ip link set dev {port} mtu {bytes}")]),
        Wish::Willing { port, willing } => {
            let willing = if *willing { "yes" } else { "no" };
            end(vec![format!(
                "lldptool -T -i {port} -V PFC willing={willing}"
            )])
        }
        Wish::Classify {
            port,
            dscp: Some(dscp),
            class,
            ..
        } => end(vec![format!(
            "mlnx_qos -i {port} --dscp2prio set,{dscp},{class}"
        )]),
        Wish::Like { port, other } => like(device, source, port, other),
        _ => None,
    }
}

/// The RDMA devices that the script names.
fn rdma_devices(source: &Source) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in source
        .text
        .split(|c: char| c.is_whitespace() || c == '/' || c == '=')
    {
        let is = word.starts_with("mlx5_") && word.len() < 12;
        if is && !found.iter().any(|f| f == word) {
            found.push(word.to_owned());
        }
    }
    if found.is_empty() {
        found.push("mlx5_0".to_owned());
    }
    found
}

/// The lines about one interface, said of another.
fn like(device: &Device, source: &Source, port: &str, other: &str) -> Option<Vec<Edit>> {
    let mut lines = Vec::new();
    for (text, number) in source.text.lines().zip(1_u32..) {
        let named = text
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.'))
            .any(|w| w == other);
        if named
            && device.lines.is_understood(number)
            && !text.contains("master")
            && !text.contains("slaves")
        {
            lines.push(text.trim().replace(other, port));
        }
    }
    if lines.is_empty() {
        return None;
    }
    Some(vec![Edit { at: At::End, lines }])
}
