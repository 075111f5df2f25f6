//! One connection, and many: what a server says to every kind of client.

mod login;
mod replay;
mod snapshot;

use super::*;
use crate::access::{Cost, Entitlement, Quota, User, hash_password};
use crate::library::{MemoryLibrary, MemoryLog};
use crate::limits::SERVER_PACKET_BYTES_MAX;

/// The current L3 session of partition 0, and others.
const L3: &str = "261122300A";
const L3_SECOND: &str = "261122301A";
const L1: &str = "261122100A";

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

fn session(name: &str) -> Session {
    Session::new(name).expect("a session's name")
}

/// A user whose password is "secret".
fn user(name: &str, entitlement: Entitlement, quota: Quota) -> User {
    let cheap = Cost { memory_kib: 8, passes: 1 };
    let password_hash = hash_password("secret", &[7; 16], cheap).expect("a good password");
    User { name: name.to_string(), password_hash, entitlement, quota }
}

/// A service and its users.
struct Host<S: Service> {
    service: S,
    access: Access,
}

/// Alice may have everything.
fn host<S: Service>(service: S) -> Host<S> {
    host_of(service, &[user("alice", Entitlement::all(), Quota::default())])
}

fn host_of<S: Service>(service: S, users: &[User]) -> Host<S> {
    Host { service, access: Access::new(users, [9; 32]).expect("good users") }
}

/// A library with `messages` in the L3 session, and the other sessions empty.
fn library(messages: u64) -> MemoryLibrary {
    let mut log = MemoryLog::new(1);
    (1..=messages).for_each(|number| log.push(format!("m{number}").as_bytes()));
    let mut library = MemoryLibrary::default();
    library.add(session(L1), MemoryLog::new(1));
    library.add(session(L3_SECOND), MemoryLog::new(1));
    library.add(session(L3), log);
    library
}

impl<S: Service> Host<S> {
    fn connect(&self, now_ns: u64) -> Connection<S> {
        Connection::new([192, 0, 2, 7].into(), now_ns)
    }

    /// A connection that has sent a login, and what it was answered.
    fn log_in(&mut self, login: &[u8], now_ns: u64) -> (Connection<S>, Vec<String>) {
        let mut connection = self.connect(now_ns);
        connection.on_bytes(login, now_ns);
        let said = self.serve(&mut connection, now_ns);
        (connection, said)
    }

    /// Turns, and bytes taken, until there is nothing to do; what was sent.
    fn serve(&mut self, connection: &mut Connection<S>, now_ns: u64) -> Vec<String> {
        let mut sent = Vec::new();
        loop {
            let turn = connection.on_turn(&mut self.service, &mut self.access, now_ns);
            let verified = self.verify();
            let bytes = connection.outgoing().to_vec();
            sent.extend_from_slice(&bytes);
            connection.on_transmitted(bytes.len(), now_ns);
            if turn == Turn::Waiting && !verified && bytes.is_empty() {
                return readable(&sent);
            }
        }
    }

    fn verify(&mut self) -> bool {
        let verification = self.access.poll_verification();
        let found = verification.is_some();
        verification.into_iter().for_each(|v| self.access.on_verified(v.run()));
        found
    }
}

fn login(user: &str, password: &str, session: &str, sequence: &str) -> Vec<u8> {
    format!("\0\x2fL{user:<6}{password:<10}{session:>10}{sequence:>20}").into_bytes()
}

/// A server's packets, one a line: `S m1`.
fn readable(bytes: &[u8]) -> Vec<String> {
    let mut decoder = Decoder::new(Sender::Server, SERVER_PACKET_BYTES_MAX);
    let (mut rest, mut lines) = (bytes, Vec::new());
    while !rest.is_empty() {
        let taken = decoder.feed(rest);
        rest = &rest[taken..];
        while let Some(packet) = decoder.next_packet().expect("a server's packet") {
            let letter = char::from(packet.packet_type());
            lines.push(match packet {
                Packet::LoginAccepted(accepted) => {
                    format!("{letter} {} {}", accepted.session, accepted.sequence)
                }
                Packet::LoginRejected(code) => format!("{letter} {}", char::from(code as u8)),
                Packet::SequencedData(text) | Packet::Debug(text) => {
                    format!("{letter} {}", String::from_utf8_lossy(text))
                }
                _ => letter.to_string(),
            });
        }
    }
    assert_eq!(decoder.pending_bytes(), 0, "whole packets");
    lines
}

/// The last packets before the end, and that it is the end.
#[track_caller]
fn ends<S: Service>(connection: &Connection<S>, said: &[String], expected: &[&str], word: &str) {
    assert_eq!(said, expected);
    let closed = connection.closed().expect("the connection ends");
    assert_eq!(closed.word(), word, "{closed}");
    assert!(connection.is_done(0), "all of it was taken");
    assert!(connection.user().is_none(), "its place is free");
}
