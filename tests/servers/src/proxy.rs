//! A proxy that counts what a client sends, and cuts, holds or swallows at a chosen message.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// How a protocol frames what a client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// PostgreSQL's: the start has a length of four bytes that counts itself, everything after it a type before that.
    Postgres,
    /// MySQL's: a length of three bytes, least first, that counts neither itself nor the number after it.
    MySql,
}

/// What happens at the chosen message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not sent on, and both connections end.
    Cut,
    /// It is not sent on; the connections stay as they are.
    Hold,
    /// It is sent on, but nothing of the answer comes back: both connections end once the server has answered.
    Swallow,
}

/// A proxy on a port of its own; every connection through it counts from the first message.
pub struct Proxy {
    port: u16,
    seen: Arc<AtomicUsize>,
    reached: Mutex<mpsc::Receiver<()>>,
    stopped: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// To a server on 127.0.0.1, with a fault at message `at` of a client (the first is 1); 0: none. Later connections pass untouched.
    pub fn start(server: u16, framing: Framing, at: usize, fault: Fault) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a local port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let (seen, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (send, reached) = mpsc::channel();
        let streams = Arc::new(Mutex::new(Vec::new()));
        let (count, stop, open) = (Arc::clone(&seen), Arc::clone(&stopped), Arc::clone(&streams));
        std::thread::spawn(move || {
            let done = Arc::new(AtomicBool::new(at == 0));
            for client in listener.incoming() {
                let (Ok(client), false) = (client, stop.load(Ordering::SeqCst)) else { return };
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { return };
                for stream in [&client, &server] {
                    stream.set_nodelay(true).expect("a connection has options");
                    open.lock()
                        .expect("no thread panics")
                        .push(stream.try_clone().expect("a connection can be shared"));
                }
                let swallow = Arc::new(AtomicBool::new(false));
                let way = Way {
                    framing,
                    at,
                    fault,
                    count: Arc::clone(&count),
                    done: Arc::clone(&done),
                    swallow: Arc::clone(&swallow),
                    reached: send.clone(),
                };
                let there = (client.try_clone().expect("shared"), server.try_clone().expect("shared"));
                std::thread::spawn(move || way.forward(there.0, there.1));
                std::thread::spawn(move || back(server, client, &swallow));
            }
        });
        Self { port, seen, reached: Mutex::new(reached), stopped, streams }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Messages of clients that came so far.
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    /// Waits until the chosen message came; `false`: it did not, in this time.
    pub fn reached(&self, patience: Duration) -> bool {
        self.reached.lock().expect("no thread panics").recv_timeout(patience).is_ok()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        for stream in self.streams.lock().expect("no thread panics").iter() {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes who waits for the next connection.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

/// From a client to the server.
struct Way {
    framing: Framing,
    at: usize,
    fault: Fault,
    count: Arc<AtomicUsize>,
    /// Whether the fault has happened.
    done: Arc<AtomicBool>,
    swallow: Arc<AtomicBool>,
    reached: mpsc::Sender<()>,
}

impl Way {
    fn forward(self, mut client: TcpStream, mut server: TcpStream) {
        let mut message = Vec::new();
        let mut first = true;
        while read_message(&mut client, self.framing, first, &mut message).is_some() {
            first = false;
            let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
            if number == self.at && !self.done.swap(true, Ordering::SeqCst) {
                // Nobody may be waiting.
                let _ = self.reached.send(());
                match self.fault {
                    Fault::Cut => break,
                    Fault::Hold => return,
                    Fault::Swallow => self.swallow.store(true, Ordering::SeqCst),
                }
            }
            if server.write_all(&message).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    }
}

fn back(mut server: TcpStream, mut client: TcpStream, swallow: &AtomicBool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        if swallow.load(Ordering::SeqCst) || client.write_all(buffer.get(..length).unwrap_or_default()).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// One message with its frame; `None` at the end of the connection.
fn read_message(from: &mut TcpStream, framing: Framing, first: bool, message: &mut Vec<u8>) -> Option<()> {
    let head = match framing {
        Framing::Postgres if !first => 5,
        Framing::Postgres | Framing::MySql => 4,
    };
    message.resize(head, 0);
    from.read_exact(message).ok()?;
    let length = match (framing, message.as_slice()) {
        (Framing::Postgres, [a, b, c, d] | [_, a, b, c, d]) => u32::from_be_bytes([*a, *b, *c, *d]).checked_sub(4)?,
        (Framing::MySql, [a, b, c, _]) => u32::from_le_bytes([*a, *b, *c, 0]),
        _ => return None,
    };
    message.resize(head + usize::try_from(length).ok()?, 0);
    from.read_exact(message.get_mut(head..)?).ok()
}
