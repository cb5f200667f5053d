//! A service manager that listens where sd_notify(3) sends to.

use std::cell::RefCell;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use super::{DEADLINE, World};

pub struct Manager {
    socket: UnixDatagram,
    /// What stands in `$NOTIFY_SOCKET`.
    pub name: String,
    heard: RefCell<Vec<String>>,
}

impl Manager {
    pub fn new(world: &World) -> Self {
        let name = world.path("notify").display().to_string();
        let address = SocketAddr::from_pathname(&name);
        Self::at(name, &address.expect("it is short"))
    }

    /// At a name that is no file: systemd's own is written so in a container of its own.
    pub fn without_a_file() -> Self {
        let name = format!("hytale-entrypoint-{}", uuid::Uuid::new_v4());
        let address = SocketAddr::from_abstract_name(&name);
        Self::at(format!("@{name}"), &address.expect("it is short"))
    }

    fn at(name: String, address: &SocketAddr) -> Self {
        let socket = UnixDatagram::bind_addr(address).expect("nobody else has it");
        Self {
            socket,
            name,
            heard: RefCell::default(),
        }
    }

    /// Waits for a message with this line.
    #[track_caller]
    pub fn hears(&self, line: &str) {
        self.hears_times(line, 1);
    }

    #[track_caller]
    pub fn hears_times(&self, line: &str, times: usize) {
        let has = |message: &String| message.lines().any(|other| other == line);
        while self.heard.borrow().iter().filter(|m| has(m)).count() < times {
            let wait = self.socket.set_read_timeout(Some(DEADLINE));
            wait.expect("it is a time");
            assert!(self.hear(), "no {line:?} in {:#?}", self.heard.borrow());
        }
    }

    /// All messages so far.
    pub fn heard(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).expect("it can");
        while self.hear() {}
        self.socket.set_nonblocking(false).expect("it can");
        self.heard.borrow().clone()
    }

    /// Whether this line was told, so far.
    pub fn has_heard(&self, line: &str) -> bool {
        let heard = self.heard();
        heard.iter().any(|m| m.lines().any(|other| other == line))
    }

    fn hear(&self) -> bool {
        let mut message = [0; 4096];
        match self.socket.recv(&mut message) {
            Ok(length) => {
                let text = String::from_utf8_lossy(&message[..length]);
                self.heard.borrow_mut().push(text.into_owned());
                true
            }
            Err(_) => false,
        }
    }
}
