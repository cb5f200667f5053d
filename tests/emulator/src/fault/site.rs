//! Where a fault strikes, and what it can be there.

use std::time::Duration;

use super::{Fault, Kind, Times};

/// Where a fault strikes; it still lacks what happens there.
#[derive(Clone, Debug)]
pub struct FaultSite {
    pub(super) path: String,
    pub(super) method: Option<String>,
}

impl FaultSite {
    /// Only requests with this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// The answer comes late, and is otherwise what it would have been: the next fault in the queue still strikes.
    pub fn latency(self, wait: Duration) -> Fault {
        self.with(Kind::Latency(wait))
    }

    /// The connection is closed and nothing has been done.
    pub fn drop_before(self) -> Fault {
        self.with(Kind::DropBefore)
    }

    /// The work is done, and the connection closed without an answer.
    pub fn drop_after(self) -> Fault {
        self.with(Kind::DropAfter)
    }

    /// This status and nothing done. The body is the status's name, unless there is another.
    pub fn status(self, code: u16) -> Fault {
        self.with(Kind::Status(code))
    }

    /// 200 with a web page, and nothing done.
    pub fn garbage(self) -> Fault {
        self.with(Kind::Garbage)
    }

    /// The work is done, and the answer is 200 with a web page.
    pub fn garbage_after(self) -> Fault {
        self.with(Kind::GarbageAfter)
    }

    /// 200 with a body that begins like JSON and never ends, and nothing done.
    pub fn endless(self) -> Fault {
        self.with(Kind::Endless)
    }

    /// The true answer, one byte of its body every `pace`.
    pub fn slow(self, pace: Duration) -> Fault {
        self.with(Kind::Slow(pace))
    }

    /// 302 to another place, and nothing done.
    pub fn redirect(self, location: &str) -> Fault {
        self.with(Kind::Redirect(location.to_owned()))
    }

    /// The true answer behind more than a megabyte of headers.
    pub fn huge_headers(self) -> Fault {
        self.with(Kind::HugeHeaders)
    }

    /// No answer, ever, and nothing done.
    pub fn hang(self) -> Fault {
        self.with(Kind::Hang)
    }

    /// 200 with this body as `application/json`, and nothing done.
    pub fn body(self, text: &str) -> Fault {
        self.with(Kind::Body).with_body(text)
    }

    pub(super) fn with(self, kind: Kind) -> Fault {
        Fault {
            site: self,
            kind,
            body: None,
            retry_after: None,
            times: Times::Left(1),
            chance: None,
        }
    }
}
