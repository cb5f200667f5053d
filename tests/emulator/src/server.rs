//! The HTTP server: connections in, calls to the services, replies out.

pub(crate) mod answer;
pub(crate) mod call;
pub(crate) mod pipeline;

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::DATE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::clock;
use crate::control;
use crate::state::Shared;
use crate::state::requests::Caller;
use answer::{Payload, Reply};
use call::Call;

/// More connections than any test opens at once: one that finds the queue full waits a second to try again.
const BACKLOG: u32 = 4096;

/// Which paths a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    Everything,
    Broker,
}

/// hyper closes the connection when a service fails; this failure asks for just that.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is dropped on purpose")
    }
}

impl std::error::Error for Dropped {}

/// # Errors
///
/// When the address cannot be had; the error names it.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    bind(address).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

pub(crate) async fn serve(
    listener: TcpListener,
    surface: Surface,
    shared: Arc<Shared>,
) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(stream, surface, Arc::clone(&shared)))),
            // Out of descriptors, most likely: some connection has to end first.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
}

async fn converse(stream: TcpStream, surface: Surface, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| respond(request, surface, Arc::clone(&shared)));
    // An error here is a client that went away, or a connection that we drop on purpose.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    request: Request<Incoming>,
    surface: Surface,
    shared: Arc<Shared>,
) -> Result<Response<Payload>, Dropped> {
    let call = match Call::receive(request).await {
        Ok(call) => call,
        Err(refusal) => return Ok(refusal),
    };
    if surface == Surface::Broker && !call.is_for_broker() {
        return Ok(answer::not_found());
    }
    if control::serves(&call.path) {
        return Ok(control::answer(&shared, &call));
    }
    // A task of its own, because the work goes on when the client hangs up; that is how slots leak.
    match tokio::spawn(pipeline::attend(Arc::clone(&shared), call, Caller::Client)).await {
        // hyper would write the machine's time.
        Ok(Reply::Answer(answer)) => {
            let now = shared.read(|state| state.clock.now());
            Ok(answer::with_header(answer, DATE, &clock::http_date(now)))
        }
        Ok(Reply::Hang) => pending().await,
        Ok(Reply::Drop) | Err(_) => Err(Dropped),
    }
}
