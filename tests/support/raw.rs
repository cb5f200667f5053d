//! A server that knows no HTTP: it reads a request and writes the bytes that a test wants, which no honest server would.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What it writes after a request; an error means that nobody reads any more.
pub type Answer = Arc<dyn Fn(&mut TcpStream) -> io::Result<()> + Send + Sync>;

pub struct Raw {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Raw {
    pub fn answering(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let address = listener.local_addr().expect("it is bound");
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                thread::spawn(move || -> io::Result<()> {
                    let request = request(&mut stream)?;
                    seen.lock().expect("nobody panics here").push(request);
                    answer(&mut stream)?;
                    stream.shutdown(Shutdown::Write)?;
                    // Closed at once, it would be a reset, and bytes under way would be lost.
                    io::copy(&mut stream, &mut io::sink()).map(drop)
                });
            }
        });
        Self { address, requests }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("nobody panics here").clone()
    }
}

/// One that writes these bytes.
pub fn bytes(bytes: impl Into<Vec<u8>>) -> Answer {
    let bytes = bytes.into();
    Arc::new(move |stream| stream.write_all(&bytes))
}

/// One that writes some bytes once, and then others for as long as somebody reads.
pub fn endless(first: impl Into<Vec<u8>>, then: impl Into<Vec<u8>>) -> Answer {
    let (first, then) = (first.into(), then.into());
    Arc::new(move |stream| {
        stream.write_all(&first)?;
        loop {
            stream.write_all(&then)?;
        }
    })
}

/// An answer as it should be.
pub fn http(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn request(stream: &mut TcpStream) -> io::Result<String> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lengths = head.lines().filter_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.parse::<usize>().ok())?
            });
            if body.len() >= lengths.sum() {
                return Ok(text.into_owned());
            }
        }
        let mut some = [0; 4096];
        match stream.read(&mut some)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => request.extend_from_slice(&some[..n]),
        }
    }
}
