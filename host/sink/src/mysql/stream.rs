//! `LOAD DATA LOCAL`: rows on their way to a staging table, as a file that nobody writes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::stream::poll_fn;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, InfileData};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Bytes of a message.
const MESSAGE: usize = 256 << 10;
/// Messages that wait for the server.
const WAITING: usize = 4;
/// Bytes of a file, after which the next begins: what is wrong is said at the end of one.
const FILE: u64 = 64 << 20;

/// A file that is being read by the server.
pub(super) struct Stream {
    /// The table that the rows are for.
    pub(super) table: usize,
    /// Rows that were put in.
    pub(super) rows: u64,
    /// Text of rows that was not sent yet.
    pub(super) buffer: Vec<u8>,
    sent: u64,
    message: usize,
    sender: mpsc::Sender<Bytes>,
    task: JoinHandle<(Conn, Result<(), Error>)>,
}

/// How a file ended: with the connection, where there still is one.
pub(super) struct Ended {
    pub(super) conn: Option<Conn>,
    pub(super) result: Result<(), Error>,
}

impl Stream {
    /// Begins a statement that reads the file. `max_packet`: bytes of a message that the server takes.
    pub(super) fn open(mut conn: Conn, table: usize, sql: String, max_packet: usize) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let receiver = Arc::new(Mutex::new(receiver));
        let reader = Arc::clone(&receiver);
        conn.set_infile_handler(async move {
            let messages =
                poll_fn(move |context| locked(&reader).poll_recv(context).map(|m| m.map(std::io::Result::Ok)));
            Ok::<InfileData, Error>(Box::pin(messages))
        });
        let task = tokio::spawn(async move {
            let result = conn.query_drop(sql).await;
            // A statement that failed before it read anything has left its file with the connection: nobody is to wait for it.
            locked(&receiver).close();
            (conn, result)
        });
        let message = MESSAGE.min(max_packet / 2).max(256);
        Self { table, rows: 0, buffer: Vec::with_capacity(message * 2), sent: 0, message, sender, task }
    }

    /// Sends the messages that are full. `false`: nobody reads any more, and [`finish`](Self::finish) says why.
    pub(super) async fn send(&mut self) -> bool {
        while self.buffer.len() >= self.message {
            let rest = self.buffer.split_off(self.message);
            let full = std::mem::replace(&mut self.buffer, rest);
            self.sent += full.len() as u64;
            if self.sender.send(full.into()).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Whether there are enough rows in it.
    pub(super) fn is_full(&self) -> bool {
        self.sent >= FILE
    }

    /// Sends what is left, and waits for the server's answer.
    pub(super) async fn finish(self) -> Ended {
        let Self { mut buffer, message, sender, task, .. } = self;
        while !buffer.is_empty() {
            let rest = buffer.split_off(message.min(buffer.len()));
            if sender.send(buffer.into()).await.is_err() {
                break;
            }
            buffer = rest;
        }
        drop(sender);
        match task.await {
            Ok((conn, result)) => Ended { conn: Some(conn), result },
            Err(stopped) => Ended { conn: None, result: Err(Error::Other(Box::new(stopped))) },
        }
    }

    /// Ends it with the connection: the server takes everything back.
    pub(super) fn stop(self) {
        self.task.abort();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
