//! Connections in memory: bytes in order, both ways, until somebody dies or a link goes down.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use isochron::replication::catch_up::{Connector, Link};

use crate::network::{Lane, Network, Node, node_at};

/// Bytes on their way in one direction.
const BUFFER_BYTES: usize = 32 * 1024;

/// A connection: its ends, and what is on its way to each.
struct Pipe {
    ends: [Node; 2],
    to: [VecDeque<u8>; 2],
    closed: [bool; 2],
    broken: bool,
}

/// All connections, and those that wait to be let in.
#[derive(Clone, Default)]
pub(crate) struct Streams(Arc<Mutex<Vec<Waiting>>>);

/// A connection to a node that has not let it in yet.
type Waiting = (Node, Arc<Mutex<Pipe>>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Streams {
    /// Connections to a node that it has not let in yet.
    pub(crate) fn accept(&self, network: &Network, node: Node) -> Vec<Box<dyn Link>> {
        let mut waiting = lock(&self.0);
        let ours = waiting.extract_if(.., |(to, pipe)| *to == node && !lock(pipe).broken);
        let wire = |pipe| Box::new(Wire { network: network.clone(), pipe, end: 1 });
        ours.map(|(_, pipe)| wire(pipe) as Box<dyn Link>).collect()
    }
}

/// Connects from a node.
pub(crate) struct Dialer {
    pub(crate) network: Network,
    pub(crate) streams: Streams,
    pub(crate) node: Node,
}

impl Connector for Dialer {
    fn connect(&mut self, to: SocketAddrV4) -> io::Result<Box<dyn Link>> {
        let to = node_at(to).ok_or(ErrorKind::AddrNotAvailable)?;
        let up = |from, to| self.network.is_up(from, to, Lane::Stream);
        if !up(self.node, to) || !up(to, self.node) {
            return Err(ErrorKind::ConnectionRefused.into());
        }
        let ends = [self.node, to];
        let pipe = Pipe { ends, to: Default::default(), closed: [false; 2], broken: false };
        let pipe = Arc::new(Mutex::new(pipe));
        lock(&self.streams.0).push((to, Arc::clone(&pipe)));
        Ok(Box::new(Wire { network: self.network.clone(), pipe, end: 0 }))
    }
}

/// One end of a connection.
struct Wire {
    network: Network,
    pipe: Arc<Mutex<Pipe>>,
    end: usize,
}

impl Wire {
    /// Whether bytes go from one end to the other now; an error where they never will.
    fn goes(&self, pipe: &mut Pipe, from: usize) -> io::Result<bool> {
        let [here, there] = [pipe.ends[self.end], pipe.ends[1 - self.end]];
        pipe.broken |= !self.network.is_listening(here) || !self.network.is_listening(there);
        if pipe.broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        Ok(self.network.is_up(pipe.ends[from], pipe.ends[1 - from], Lane::Stream))
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut pipe = lock(&self.pipe);
        let other = 1 - self.end;
        if !self.goes(&mut pipe, other)? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let waiting = &mut pipe.to[self.end];
        let count = waiting.len().min(into.len());
        if count == 0 {
            return if pipe.closed[other] { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        for (byte, place) in waiting.drain(..count).zip(into) {
            *place = byte;
        }
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let mut pipe = lock(&self.pipe);
        let other = 1 - self.end;
        if pipe.closed[other] {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let goes = self.goes(&mut pipe, self.end)?;
        let count = from.len().min(BUFFER_BYTES - pipe.to[other].len());
        if !goes || (count == 0 && !from.is_empty()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        pipe.to[other].extend(&from[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        lock(&self.pipe).closed[self.end] = true;
    }
}
