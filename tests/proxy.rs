//! A counting proxy: what an app received is counted before the app, never in the engine.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Passes requests on, one a connection, and counts those that write.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    counts: Arc<(AtomicU64, AtomicU64)>,
}

impl Proxy {
    pub(crate) fn before(app: SocketAddr) -> Self {
        Self::rewriting(app, str::to_owned)
    }

    /// With another request line (with its end) than came.
    pub(crate) fn rewriting(app: SocketAddr, rewrite: fn(&str) -> String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let counting = Arc::clone(&counts);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let counts = Arc::clone(&counting);
                std::thread::spawn(move || pass(client, app, &counts, rewrite));
            }
        });
        Self { address, counts }
    }

    /// Requests so far, and those of them that were POST, PUT, PATCH or DELETE.
    pub(crate) fn counted(&self) -> (u64, u64) {
        (self.counts.0.load(Ordering::SeqCst), self.counts.1.load(Ordering::SeqCst))
    }
}

fn pass(
    client: TcpStream,
    app: SocketAddr,
    counts: &(AtomicU64, AtomicU64),
    rewrite: fn(&str) -> String,
) -> Option<()> {
    let mut reading = BufReader::new(client.try_clone().ok()?);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reading.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
        match head.is_empty() {
            true => head.push_str(&rewrite(&line)),
            false if lower.starts_with("connection:") => {}
            false => head.push_str(&line),
        }
    }
    let mut body = vec![0; length];
    reading.read_exact(&mut body).ok()?;
    counts.0.fetch_add(1, Ordering::SeqCst);
    if !head.starts_with("GET ") {
        counts.1.fetch_add(1, Ordering::SeqCst);
    }
    let mut upstream = TcpStream::connect(app).ok()?;
    upstream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).ok()?;
    upstream.write_all(&body).ok()?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).ok()?;
    (&client).write_all(&answer).ok()
}
