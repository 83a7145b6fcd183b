//! Connections through the connection manager, as iWARP needs them.

use super::Machine;
use crate::sys::{Context, Id, Manager, Refused, Result};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use xoff_lab::agent::{CreateQp, Reply};

/// Who listens, and what brings the news.
pub(super) struct Connector {
    manager: Rc<Manager>,
    listeners: Vec<Id>,
}

/// At which a device is reached; None: its queue pairs need no connection manager.
pub(super) fn addresses(device: &Context) -> Result<Option<Vec<IpAddr>>> {
    if !device.is_managed() {
        return Ok(None);
    }
    let manager = Manager::new()?;
    let mut found = Vec::new();
    for interface in if_addrs::get_if_addrs().unwrap_or_default() {
        let ip = interface.ip();
        // Link-local addresses mean nothing to a peer without its interface.
        if matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()) {
            continue;
        }
        let id = Id::new(&manager)?;
        if id.bind(SocketAddr::new(ip, 0)).is_ok() && id.is_on(device) {
            found.push(ip);
        }
    }
    Ok(Some(found))
}

impl Machine {
    fn connector(&mut self) -> Result<&mut Connector> {
        let nodev = rustix::io::Errno::NODEV.raw_os_error();
        let opened = self.opened.as_mut();
        let opened = opened.ok_or_else(|| Refused::new("open", nodev))?;
        match &mut opened.connector {
            Some(connector) => Ok(connector),
            none => Ok(none.insert(Connector {
                manager: Manager::new()?,
                listeners: Vec::new(),
            })),
        }
    }

    pub(super) fn listen(&mut self, port: u16) -> Result<Reply> {
        let ips = addresses(&self.opened()?.context)?;
        let connector = self.connector()?;
        for ip in ips.into_iter().flatten() {
            let id = Id::new(&connector.manager)?;
            id.bind(SocketAddr::new(ip, port))?;
            id.listen()?;
            connector.listeners.push(id);
        }
        Ok(Reply::Done)
    }

    pub(super) fn resolve(&mut self, to: SocketAddr, wanted: &CreateQp) -> Result<Reply> {
        let id = Id::new(&self.connector()?.manager)?;
        id.resolve(to)?;
        self.create_qp(wanted, Some(id))
    }

    pub(super) fn requested(&mut self, wanted: &CreateQp, timeout_ms: u32) -> Result<Reply> {
        let id = self.connector()?.manager.requested(timeout_ms)?;
        self.create_qp(wanted, Some(id))
    }

    pub(super) fn with_id(&self, qp: u32, work: impl FnOnce(&Id) -> Result<()>) -> Result<Reply> {
        work(self.pairs.get(qp)?.pair.id()?).map(|()| Reply::Done)
    }
}
