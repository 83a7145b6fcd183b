//! What the Linux client says of its connections: `/proc/fs/cifs/DebugData` and `/proc/net/tcp`.

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// Port of SMB.
const PORT: u16 = 445;
/// `TCP_ESTABLISHED` in `/proc/net/tcp`.
const ESTABLISHED: &str = "01";
/// Interfaces that are kept.
const MAX_INTERFACES: usize = 64;

/// The first session of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientState {
    pub mounted: bool,
    /// Its first connection uses SMB Direct.
    pub rdma: bool,
    /// Send credits of SMB Direct, and receive credits that it has given.
    pub credits: Option<(u64, u64)>,
    /// Channels beside the first.
    pub extra_channels: u64,
    /// What the server offers.
    pub interfaces: Vec<ServerInterface>,
    /// Established TCP connections to port 445: the addresses at the server.
    pub tcp: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInterface {
    pub address: String,
    pub speed: String,
    pub rdma: bool,
    pub rss: bool,
    /// Channels that the client has there.
    pub channels: u64,
}

impl ClientState {
    /// Of DebugData and of `/proc/net/tcp`. What is not there is empty.
    pub fn read(debug: &str, tcp: &str) -> ClientState {
        let mut state = ClientState {
            tcp: connections(tcp),
            ..ClientState::default()
        };
        for line in debug.lines().map(str::trim) {
            state.mounted |= line.contains("ConnectionId:");
            state.rdma |= line == "RDMA";
            if let Some(rest) = line.strip_prefix("Current Credits ") {
                state.credits = state.credits.or_else(|| credits(rest));
            }
            if let Some(count) = line.strip_prefix("Extra Channels: ") {
                state.extra_channels = count.split(' ').next().map_or(0, number);
            }
            state.interface(line);
        }
        state
    }

    fn interface(&mut self, line: &str) {
        if let Some((_, speed)) = line.split_once(")\tSpeed: ")
            && self.interfaces.len() < MAX_INTERFACES
        {
            self.interfaces.push(ServerInterface {
                speed: speed.to_owned(),
                ..ServerInterface::default()
            });
        }
        let Some(last) = self.interfaces.last_mut() else {
            return;
        };
        if let Some(words) = line.strip_prefix("Capabilities: ") {
            last.rdma = words.split(' ').any(|word| word == "rdma");
            last.rss = words.split(' ').any(|word| word == "rss");
        } else if let Some(address) = line
            .strip_prefix("IPv4: ")
            .or_else(|| line.strip_prefix("IPv6: "))
        {
            last.address = address.to_owned();
        } else if let Some(count) = line.strip_prefix("Allocated channels: ") {
            last.channels = number(count);
        }
    }
}

fn number(text: &str) -> u64 {
    text.trim().parse().unwrap_or_default()
}

/// `send_credits: e9 receive_credits: fe ...`, hexadecimal.
fn credits(text: &str) -> Option<(u64, u64)> {
    let mut words = text.split(' ');
    let mut after = |name: &str| {
        words.find(|word| *word == name)?;
        u64::from_str_radix(words.next()?, 16).ok()
    };
    Some((after("send_credits:")?, after("receive_credits:")?))
}

/// Far ends of established connections to SMB's port; the kernel writes addresses in host order.
fn connections(table: &str) -> Vec<String> {
    let far = |line: &str| {
        let mut words = line.split_whitespace().skip(2);
        let (address, port) = words.next()?.split_once(':')?;
        let address = u32::from_str_radix(address, 16).ok()?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let established = words.next()? == ESTABLISHED;
        let far = Ipv4Addr::from(address.to_ne_bytes()).to_string();
        (established && port == PORT).then_some(far)
    };
    let mut far: Vec<String> = table.lines().filter_map(far).collect();
    far.sort();
    far.truncate(MAX_INTERFACES);
    far
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBUG: &str = "Servers: \n1) ConnectionId: 0x1 Hostname: 10.9.0.1 \n\
        Current Credits send_credits: e9 receive_credits: fe receive_credit_target: ff\n\
        RDMA \n\tExtra Channels: 2 \n\n\tServer interfaces: 2\tLast updated: 0 seconds ago\n\
        \t1)\tSpeed: 1Gbps\n\t\tCapabilities: rdma \n\t\tIPv4: 10.9.0.1\n\
        \t\tWeight (cur,total): (1,1)\n\t\tAllocated channels: 1\n\t\t[CONNECTED]\n\n\
        \t2)\tSpeed: 1Gbps\n\t\tCapabilities: None\n\t\tIPv6: 0::0\n\
        \t\tAllocated channels: 0\n";

    #[test]
    fn the_kernels_words_are_understood() {
        let tcp = "  sl  local_address rem_address   st\n\
            0: 0200090A:AC6A 0100090A:01BD 06 0\n1: 0200090A:AC76 0100090A:01BD 01 0\n\
            2: 0200090A:AC76 0100090A:01BC 01 0\n";
        let state = ClientState::read(DEBUG, tcp);
        assert!(state.mounted && state.rdma);
        assert_eq!(state.credits, Some((0xe9, 0xfe)));
        assert_eq!(state.extra_channels, 2);
        assert_eq!(state.tcp, ["10.9.0.1"]);
        let seen: Vec<_> = state
            .interfaces
            .iter()
            .map(|i| (i.address.as_str(), i.rdma, i.channels))
            .collect();
        assert_eq!(seen, [("10.9.0.1", true, 1), ("0::0", false, 0)]);
        assert_eq!(ClientState::read("", "x"), ClientState::default());
    }
}
