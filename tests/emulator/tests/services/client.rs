//! An HTTP/1.1 client that hides nothing: one request, one connection, and a dropped one is an error.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use hytale_emulator::Emulator;
use serde_json::Value;

/// Longer than any answer takes; only a broken test waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct Ask<'a> {
    url: &'a str,
    method: &'a str,
    path: &'a str,
    headers: String,
    body: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

pub(crate) fn ask<'a>(url: &'a str, method: &'a str, path: &'a str) -> Ask<'a> {
    Ask {
        url,
        method,
        path,
        headers: String::new(),
        body: String::new(),
    }
}

impl Ask<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string();
        self.header("Content-Type", "application/json")
    }

    pub(crate) fn form(mut self, body: &str) -> Self {
        self.body = body.to_owned();
        self.header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// Sends the request and leaves the answer to the caller.
    pub(crate) fn start(&self) -> BufReader<TcpStream> {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (method, path, headers, body) = (self.method, self.path, &self.headers, &self.body);
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        BufReader::new(stream)
    }

    pub(crate) fn try_send(&self) -> io::Result<Answer> {
        receive(self.start())
    }

    pub(crate) fn send(&self) -> Answer {
        self.try_send().unwrap()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> (u16, &str) {
        (self.status, self.body.trim())
    }
}

/// The answer whose end is told by its length; every answer but the endless one has one.
fn receive(mut stream: BufReader<TcpStream>) -> io::Result<Answer> {
    let (status, headers) = receive_head(&mut stream)?;
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Answer {
        status,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

pub(crate) fn receive_head(
    stream: &mut BufReader<TcpStream>,
) -> io::Result<(u16, HashMap<String, String>)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines[1..].iter().map(|line| line.split_once(": ").unwrap());
    Ok((
        status,
        headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
    ))
}

/// A new session for the first profile, as a client with credentials opens one.
pub(crate) fn open_session(emulator: &Emulator) -> Answer {
    let account = &emulator.accounts()[0];
    let access = emulator.authorize(&account.name).access;
    ask(emulator.url(), "POST", "/game-session/new")
        .bearer(access.expose_secret())
        .json(&serde_json::json!({"uuid": account.profiles[0].uuid}))
        .send()
}
