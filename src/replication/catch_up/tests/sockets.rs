//! The agent and the connections of the system, over loopback.

use std::net::{SocketAddr, TcpListener, TcpStream};

use super::joining::{Standby, assert_same};
use super::*;
use crate::agent::{Agent, Clock, SystemClock};
use crate::metrics::{Counter, Counters};

fn agent(primary: &Primary, counters: &Counters) -> (CatchUpAgent, SocketAddrV4) {
    let any = "127.0.0.1:0".parse().unwrap();
    let options = service_options(1);
    let agent = CatchUpAgent::open(any, options, primary.library(), counters).unwrap();
    let SocketAddr::V4(address) = agent.address().unwrap() else { panic!("an IPv4 address") };
    (agent, address)
}

fn join(primary: &Primary, servers: Vec<SocketAddrV4>) -> Join {
    let follow = *epochs(&primary.disk).last().unwrap();
    Join::new(DialOptions { servers, ..dial_options(2) }, follow, 0, false)
}

/// Both ends in turn until it has arrived; the faults on the way.
fn run(agent: &mut CatchUpAgent, join: &mut Join, standby: &mut Standby) -> Vec<String> {
    let clock = SystemClock::new();
    let mut faults = Vec::new();
    loop {
        join.turn(&mut standby.store, &mut TcpConnector, clock.now());
        agent.do_work(clock.now());
        match join.poll_outcome() {
            Some(Outcome::Arrived { .. }) => return faults,
            Some(other) => faults.push(format!("{other:?}")),
            None => {}
        }
    }
}

#[test]
fn a_standby_catches_up_over_sockets_and_what_was_given_is_counted() {
    let mut primary = Primary::new();
    primary.append_to(100_000);
    let mut primary = primary.restart();
    primary.append_to(3_000_000);
    let counters = Counters::in_memory();
    let (mut agent, address) = agent(&primary, &counters);
    let mut standby = Standby::new();
    // Nobody listens at port 1: the next address is asked.
    let gone = SocketAddrV4::new(*address.ip(), 1);
    let mut join = join(&primary, vec![gone, address]);
    let faults = run(&mut agent, &mut join, &mut standby);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("refused"), "{faults:?}");
    assert_same(&primary, &standby);
    let bytes = counters.get(Counter::CATCH_UP_BYTES);
    assert!(bytes >= primary.end().get(), "{bytes}");
    assert_eq!(counters.get(Counter::CATCH_UP_ACCEPTED), 1);
}

#[test]
fn garbage_on_the_port_harms_nobody() {
    let mut primary = Primary::new();
    primary.append_to(200_000);
    let counters = Counters::in_memory();
    let (mut agent, address) = agent(&primary, &counters);
    let mut strangers: Vec<_> = (0..2).map(|_| TcpStream::connect(address).unwrap()).collect();
    strangers[0].write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    strangers[1].write_all(&[0xff; 100_000]).unwrap();
    let mut standby = Standby::new();
    let mut join = join(&primary, vec![address]);
    assert!(run(&mut agent, &mut join, &mut standby).is_empty());
    assert_same(&primary, &standby);
    let clock = SystemClock::new();
    while counters.get(Counter::CATCH_UP_REFUSED) < 2 {
        agent.do_work(clock.now());
    }
    assert!(agent.service().last_refusal().is_some());
}

#[test]
fn a_port_that_is_taken_is_named() {
    let primary = Primary::new();
    let counters = Counters::in_memory();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let SocketAddr::V4(address) = taken.local_addr().unwrap() else { panic!("IPv4") };
    let opened = CatchUpAgent::open(address, service_options(1), primary.library(), &counters);
    let error = opened.err().expect("it is taken").to_string();
    assert!(error.starts_with(&format!("catch-up cannot listen at {address}: ")), "{error}");
}
