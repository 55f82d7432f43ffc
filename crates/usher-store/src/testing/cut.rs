//! A wire to PostgreSQL that breaks when it is told to, for tests of what becomes of a commit then.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Where the wire breaks, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The COMMIT does not reach the server.
    Before,
    /// It does; its answer does not come back.
    After,
}

/// Passes everything on, until it is told to break.
pub struct Wire {
    address: SocketAddr,
    next: Arc<Mutex<Option<Cut>>>,
}

impl Wire {
    /// A wire to the server of that URL.
    pub fn to(url: &str) -> Self {
        let server = authority(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let next = Arc::new(Mutex::new(None));
        let orders = Arc::clone(&next);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&server) else { continue };
                pass(client, server, &orders);
            }
        });
        Self { address, next }
    }

    /// The same database by this wire.
    pub fn url(&self, url: &str) -> String {
        url.replacen(authority(url), &self.address.to_string(), 1)
    }

    /// The next COMMIT of a writing transaction breaks the connection it comes on.
    pub fn cut_next(&self, cut: Cut) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(cut);
    }

    /// Whether what was ordered has been done.
    pub fn was_cut(&self) -> bool {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

/// `host:port` of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['/', '?']).next().unwrap_or(rest);
    rest.rsplit_once('@').map_or(rest, |(_, host)| host)
}

/// As the client says it: simple queries, each sent by itself. What only reads is committed too, which nobody asks after.
const COMMIT: &[u8] = b"commit\0";
const WRITES: &[u8] = b"read write";
const READS: &[u8] = b"read only";

fn pass(client: TcpStream, server: TcpStream, orders: &Arc<Mutex<Option<Cut>>>) {
    let both = || (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
    let (from, to, orders) = (both(), both(), Arc::clone(orders));
    let deaf = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&deaf);
    std::thread::spawn(move || {
        let (mut client, mut server) = from;
        let mut bytes = [0; 1 << 16];
        let mut writing = false;
        while let Ok(read @ 1..) = client.read(&mut bytes) {
            let said = &bytes[..read];
            let says = |what: &[u8]| said.windows(what.len()).any(|part| part == what);
            writing = says(WRITES) || (writing && !says(READS));
            let order = if writing && says(COMMIT) {
                orders.lock().unwrap_or_else(PoisonError::into_inner).take()
            } else {
                None
            };
            match order {
                Some(Cut::Before) => break,
                Some(Cut::After) => answers.store(true, Ordering::SeqCst),
                None => {}
            }
            if server.write_all(said).is_err() {
                break;
            }
        }
        end(&client, &server);
    });
    std::thread::spawn(move || {
        let (mut client, mut server) = to;
        let mut bytes = [0; 1 << 16];
        while let Ok(read @ 1..) = server.read(&mut bytes) {
            // The server has answered, so it has committed.
            if deaf.load(Ordering::SeqCst) || client.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        end(&client, &server);
    });
}

fn end(client: &TcpStream, server: &TcpStream) {
    // Either may have gone already.
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}
