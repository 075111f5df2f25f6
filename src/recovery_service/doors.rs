//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

/// Why a connection is turned away. The text goes to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TurnedAway {
    /// There are as many as there may be.
    Full { connections_max: usize },
    /// As many come from that address as may.
    Address { connections_max: usize },
}

impl fmt::Display for TurnedAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { connections_max } => {
                write!(f, "all of {connections_max} connections are in use; retry-after 5")
            }
            Self::Address { connections_max } => {
                write!(f, "{connections_max} connections from your address are in use")
            }
        }
    }
}

/// Counts connections. Calling order: `enter` for each, and `leave` for each that was let in.
#[derive(Debug)]
pub(super) struct Doors {
    connections_max: usize,
    per_address_max: usize,
    inside: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Doors {
    pub(super) fn new(connections_max: usize, per_address_max: usize) -> Self {
        Self { connections_max, per_address_max, inside: 0, by_address: HashMap::new() }
    }

    /// Lets a connection in.
    pub(super) fn enter(&mut self, address: IpAddr) -> Result<(), TurnedAway> {
        if self.inside >= self.connections_max {
            return Err(TurnedAway::Full { connections_max: self.connections_max });
        }
        let of_address = self.by_address.entry(address).or_default();
        if *of_address >= self.per_address_max {
            return Err(TurnedAway::Address { connections_max: self.per_address_max });
        }
        *of_address += 1;
        self.inside += 1;
        Ok(())
    }

    /// A connection that was let in has gone.
    pub(super) fn leave(&mut self, address: IpAddr) {
        let of_address = self.by_address.get_mut(&address).expect("it was let in");
        *of_address -= 1;
        if *of_address == 0 {
            self.by_address.remove(&address);
        }
        self.inside -= 1;
    }

    /// Connections there are.
    pub(super) fn inside(&self) -> usize {
        self.inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_and_so_many_of_one_address() {
        let mut doors = Doors::new(3, 2);
        let [one, two] = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        assert_eq!((doors.enter(one), doors.enter(one)), (Ok(()), Ok(())));
        assert_eq!(doors.enter(one), Err(TurnedAway::Address { connections_max: 2 }));
        assert_eq!(doors.enter(two), Ok(()));
        assert_eq!(doors.enter(two), Err(TurnedAway::Full { connections_max: 3 }));
        doors.leave(one);
        assert_eq!((doors.enter(two), doors.inside()), (Ok(()), 3));
        [one, two, two].into_iter().for_each(|address| doors.leave(address));
        assert_eq!((doors.inside(), doors.by_address.len()), (0, 0), "nobody is remembered");
    }
}
