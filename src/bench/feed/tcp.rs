//! The same messages to as many subscribers over TCP: a stream, a copy and a call for each.

use super::publish::{Published, Setting, beside};
use super::text;
use crate::agent::{Agent, Clock, StopFlag, start};
use crate::market_data::{Feed, Output, Plan};
use crate::metrics::ThreadUsage;
use crate::store::StoreReader;
use crate::types::Nanos;
use isochron_events::Message;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// Bytes that a subscriber reads at a time.
const READ_BYTES: usize = 64 * 1024;

/// Streams that are emptied.
struct Readers {
    streams: Vec<TcpStream>,
    buffer: Vec<u8>,
}

impl Agent for Readers {
    fn name(&self) -> &str {
        "listeners"
    }

    fn do_work(&mut self, _now: Nanos) -> usize {
        let Self { streams, buffer } = self;
        streams.iter_mut().map(|stream| stream.read(buffer).unwrap_or(0)).sum()
    }
}

/// Streams to this machine, both ends of each.
fn connect(count: usize) -> std::io::Result<(Vec<TcpStream>, Vec<TcpStream>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let (mut senders, mut receivers) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let receiver = TcpStream::connect(listener.local_addr()?)?;
        let (sender, _) = listener.accept()?;
        sender.set_nodelay(true)?;
        receiver.set_nonblocking(true)?;
        senders.push(sender);
        receivers.push(receiver);
    }
    Ok((senders, receivers))
}

/// The messages of the log, each behind its length, in so many batches.
fn batches(setting: &Setting<'_>, count: u64) -> Result<Vec<Vec<u8>>, String> {
    let mut reader = StoreReader::attach(setting.store, None).map_err(text)?;
    let mut core = Feed::new(&Plan::new(setting.products, 100_000_000));
    let mut bytes = Vec::new();
    while let Some(frame) = reader.next().map_err(text)? {
        let event = Message::decode(frame.message).map_err(text)?;
        core.on_event(&event, &mut |output| {
            if let Output::Message { bytes: message, .. } = output {
                bytes.extend_from_slice(&(message.len() as u16).to_be_bytes());
                bytes.extend_from_slice(message);
            }
        });
    }
    let batch_bytes = bytes.len().div_ceil(count.max(1) as usize).max(1);
    Ok(bytes.chunks(batch_bytes).map(<[u8]>::to_vec).collect())
}

/// Sends the messages of a log to as many subscribers as listened to each line, in as many batches
/// as a line had.
pub(super) fn fan_out(setting: &Setting<'_>, published: &Published) -> Result<Published, String> {
    let batches = batches(setting, published.calls / 2)?;
    let (mut senders, streams) = connect(setting.subscribers).map_err(text)?;
    let readers = Readers { streams, buffer: vec![0; READ_BYTES] };
    let running = start(vec![Box::new(readers)], &beside(), setting.clock, &StopFlag::new());
    let running = running.map_err(text)?;
    let (began, before, mut calls, mut bytes) = (setting.clock.now(), ThreadUsage::now(), 0, 0);
    for batch in &batches {
        for sender in &mut senders {
            let mut rest = &batch[..];
            while !rest.is_empty() {
                calls += 1;
                match sender.write(rest) {
                    Ok(taken) => {
                        bytes += taken as u64;
                        rest = &rest[taken..];
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(format!("TCP to a subscriber: {error}")),
                }
            }
        }
    }
    let (elapsed_ns, usage) = (setting.clock.now().0 - began.0, ThreadUsage::now().since(before));
    running.stop();
    running.join().map_err(|panics| format!("{} agents panicked", panics.len()))?;
    let Published { events, messages, .. } = *published;
    let (datagrams, segmented) = (0, 0);
    Ok(Published { events, messages, datagrams, segmented, calls, bytes, elapsed_ns, usage })
}
