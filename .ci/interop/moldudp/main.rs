//! Follows one session with the crate `moldudp`, has gaps repaired, and prints every message.
//!
//! Usage: `isochron-interop-moldudp GROUP:PORT INTERFACE REREQUEST:PORT SESSION SECONDS`. A line is
//! a sequence number and the message in hexadecimal, in order, once; the last line says how it
//! ended. Finding the first gap and asking for it is the crate's work. A server answers with one
//! datagram, so what is still missing then is asked for again, by the crate's own sender.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use moldudp::{MoldUDP64, Packet, PacketKind, RetransmissionPacket, RetransmissionRequest};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [group, interface, rerequest, session, seconds] = &arguments[..] else {
        eprintln!("usage: GROUP:PORT INTERFACE REREQUEST:PORT SESSION SECONDS");
        return ExitCode::from(2);
    };
    let group: SocketAddrV4 = group.parse().expect("a group and a port");
    let interface: Ipv4Addr = interface.parse().expect("an address");
    let rerequest: SocketAddr = rerequest.parse().expect("an address and a port");
    let deadline = Instant::now() + Duration::from_secs(seconds.parse().expect("seconds"));
    let (datagrams, requests) = MoldUDP64::builder()
        .multicast_addr(group)
        .interface_addr(interface)
        .rerequest_server_addrs(vec![rerequest])
        .expected_session_ident(session.clone())
        .expected_seq_num(1)
        .build()
        .start()
        .expect("sockets");
    println!("ready");
    let mut messages: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let (mut next, mut end, mut asked) = (1, None, Instant::now());
    while Instant::now() < deadline && end != Some(next) {
        if let Ok(datagram) = datagrams.recv_timeout(PATIENCE) {
            let packet = Packet::new(datagram.bytes());
            if packet.session_ident() != session {
                continue;
            }
            match packet.packet_kind() {
                PacketKind::EndOfSession => end = Some(packet.seq_num()),
                PacketKind::Heartbeat => {}
                _ => {
                    for (sequence, message) in (packet.seq_num()..).zip(packet.iter()) {
                        messages.insert(sequence, message.data().to_vec());
                    }
                }
            }
        }
        while messages.contains_key(&next) {
            next += 1;
        }
        // What follows the gap is known: by a later message, or by the end.
        let after = messages.range(next..).next().map(|(sequence, _)| *sequence).or(end);
        if let Some(after) = after.filter(|after| *after > next && asked.elapsed() > PATIENCE) {
            asked = Instant::now();
            let count = u16::try_from(after - next).unwrap_or(u16::MAX - 1);
            let mut name = [b' '; 10];
            name[..session.len()].copy_from_slice(session.as_bytes());
            let packet = RetransmissionPacket::new(name, next, count);
            requests.try_send(RetransmissionRequest::new(packet)).expect("room");
        }
    }
    for (sequence, message) in messages.range(..next) {
        let hexadecimal: String = message.iter().map(|byte| format!("{byte:02x}")).collect();
        println!("{sequence} {hexadecimal}");
    }
    let ended = end == Some(next);
    println!("{}", if ended { "ended" } else { "out of time" });
    if ended { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
