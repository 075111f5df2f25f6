//! Multicast over the machine's loopback interface, and what is refused.

use super::*;
use crate::limits::DATAGRAM_BYTES_MAX;
use std::net::Ipv4Addr;
use std::time::Duration;

const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A group of this test at a port of its own.
fn endpoint(last: u8) -> (Endpoint, ReservedPort) {
    let port = ReservedPort::new().unwrap();
    let group = Ipv4Addr::new(239, 77, 99, last);
    (Endpoint { group, port: port.get(), interface: LOOPBACK }, port)
}

fn receiver(endpoint: Endpoint) -> Receiver {
    Receiver::open(endpoint, RECEIVE_BUFFER_BYTES).unwrap()
}

/// Datagram `number`: its length and bytes follow from it.
fn datagram(number: usize) -> Vec<u8> {
    let length = number * 37 % (DATAGRAM_BYTES_MAX + 1);
    (0..length).map(|at| (at * 31 + number) as u8).collect()
}

/// Receives until `count` datagrams have come, or none came for a second.
fn received(receiver: &mut Receiver, count: usize) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    let mut silent_ms = 0;
    while datagrams.len() < count && silent_ms < 1_000 {
        if receiver.recv_batch(|bytes| datagrams.push(bytes.to_vec())).unwrap() == 0 {
            std::thread::sleep(Duration::from_millis(1));
            silent_ms += 1;
        }
    }
    datagrams
}

/// Offers all datagrams until the system took them.
fn send(sender: &mut Sender, datagrams: &[Vec<u8>]) {
    let slices: Vec<&[u8]> = datagrams.iter().map(Vec::as_slice).collect();
    let mut sent = 0;
    for _ in 0..1_000 {
        sent += sender.send_batch(&slices[sent..]).unwrap();
        if sent == slices.len() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("the system took {sent} of {}", slices.len());
}

#[test]
fn batches_reach_every_receiver_whole_and_in_order() {
    let (endpoint, _port) = endpoint(1);
    let mut receivers = [receiver(endpoint), receiver(endpoint)];
    let mut sender = Sender::open(endpoint, 1).unwrap();
    // Shorter and longer than one system call takes, up to what the smallest usual buffer holds.
    for count in [1, BATCH_DATAGRAMS_MAX, BATCH_DATAGRAMS_MAX + 1, 150] {
        let datagrams: Vec<_> = (0..count).map(datagram).collect();
        send(&mut sender, &datagrams);
        for receiver in &mut receivers {
            assert_eq!(received(receiver, count), datagrams, "{count}");
        }
    }
    for receiver in &mut receivers {
        assert_eq!(receiver.recv_batch(|_| panic!("one too many")).unwrap(), 0);
        assert_eq!((receiver.dropped().unwrap(), receiver.oversized()), (0, 0));
    }
}

/// Cut by the system or not, receivers see the same datagrams.
#[test]
fn datagrams_of_one_size_arrive_whole_and_in_order() {
    let (endpoint, _port) = endpoint(11);
    let mut receiver = receiver(endpoint);
    let mut sender = Sender::open(endpoint, 1).unwrap();
    // Runs of one size with a shorter last one, single ones, and the longest.
    let mut datagrams = Vec::new();
    for (length, count) in [(1_340, 70), (90, 1), (91, 3), (90, 2), (1, 5), (1_400, 2)] {
        for _ in 0..count {
            let number = datagrams.len();
            datagrams.push((0..length).map(|at| (at * 31 + number) as u8).collect::<Vec<_>>());
        }
    }
    let parts: Vec<_> = datagrams
        .iter()
        .map(|bytes| bytes.split_at(bytes.len().min(20)))
        .map(|(head, body)| Datagram { head, body })
        .collect();
    let mut sent = 0;
    while sent < parts.len() {
        let taken = sender.send_datagrams(&parts[sent..]).unwrap();
        sent += taken;
        if taken == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    assert_eq!(received(&mut receiver, datagrams.len()), datagrams);
    if sender.segmented() == 0 {
        println!("skipped: this system cuts no datagrams (UDP_SEGMENT)");
    } else {
        assert!(sender.segmented() >= 70, "{}", sender.segmented());
    }
}

#[test]
fn nothing_to_send_sends_nothing() {
    let (endpoint, _port) = endpoint(2);
    let mut sender = Sender::open(endpoint, 1).unwrap();
    assert_eq!(sender.send_batch(&[]).unwrap(), 0);
}

#[test]
fn only_the_group_that_was_joined_is_heard() {
    let (endpoint, _port) = endpoint(3);
    let other = Endpoint { group: Ipv4Addr::new(239, 77, 99, 4), ..endpoint };
    let mut joined = receiver(endpoint);
    let mut not_joined = Receiver::open_unjoined(endpoint, RECEIVE_BUFFER_BYTES).unwrap();
    let mut elsewhere = receiver(other);
    send(&mut Sender::open(endpoint, 1).unwrap(), &[b"here".to_vec()]);
    assert_eq!(received(&mut joined, 1), [b"here"]);
    // Loopback delivers within the sending call, so what did not come by now does not come.
    assert_eq!(not_joined.recv_batch(|_| ()).unwrap(), 0);
    assert_eq!(elsewhere.recv_batch(|_| ()).unwrap(), 0);
    send(&mut Sender::open(other, 1).unwrap(), &[b"there".to_vec()]);
    assert_eq!(received(&mut elsewhere, 1), [b"there"]);
    assert_eq!(joined.recv_batch(|_| ()).unwrap(), 0);
}

#[test]
fn a_datagram_too_long_to_be_ours_is_counted_and_left_out() {
    let (endpoint, _port) = endpoint(5);
    let mut receiver = receiver(endpoint);
    let mut sender = Sender::open(endpoint, 1).unwrap();
    let datagrams = [vec![1; DATAGRAM_BYTES], vec![2; DATAGRAM_BYTES + 1], vec![3; 1]];
    send(&mut sender, &datagrams);
    assert_eq!(received(&mut receiver, 2), [&datagrams[0][..], &datagrams[2]]);
    assert_eq!(receiver.oversized(), 1);
}

#[test]
fn an_overflowing_buffer_is_told() {
    let (endpoint, _port) = endpoint(6);
    let mut receiver = Receiver::open(endpoint, 0).unwrap();
    assert_eq!(receiver.buffer().asked, 0);
    let mut sender = Sender::open(endpoint, 1).unwrap();
    let datagrams: Vec<_> = (0..500).map(|_| vec![0; 1_000]).collect();
    send(&mut sender, &datagrams);
    let dropped = receiver.dropped().unwrap();
    assert!(dropped > 0 && dropped < 500, "{dropped}");
    assert_eq!(received(&mut receiver, 500 - dropped as usize).len() as u64, 500 - dropped);
}

#[test]
fn the_granted_buffer_is_told() {
    let (endpoint, _port) = endpoint(7);
    let buffer = receiver(endpoint).buffer();
    assert_eq!(buffer.asked, 4 * 1024 * 1024);
    // What Linux grants anybody at least (rmem_max is 212,992 where nothing is configured).
    assert!(buffer.granted >= 100_000, "{buffer}");
    let expected = format!("receive buffer {} bytes (asked for 4194304)", buffer.granted);
    assert_eq!(buffer.to_string(), expected);
}

#[test]
fn wrong_groups_and_interfaces_are_refused_by_name() {
    let (endpoint, _port) = endpoint(8);
    let nowhere = Endpoint { interface: Ipv4Addr::new(10, 9, 9, 9), ..endpoint };
    let unicast = Endpoint { group: Ipv4Addr::new(192, 168, 1, 1), ..endpoint };
    let errors = |endpoint| {
        [
            Sender::open(endpoint, 1).err().unwrap().to_string(),
            Receiver::open(endpoint, 0).err().unwrap().to_string(),
            probe(endpoint).unwrap_err().to_string(),
        ]
    };
    for error in errors(nowhere) {
        assert!(error.starts_with("no such interface 10.9.9.9: "), "{error}");
    }
    for error in errors(unicast) {
        assert!(error.starts_with("192.168.1.1 is no multicast group"), "{error}");
    }
}

#[test]
fn a_probe_comes_back_on_loopback() {
    let (endpoint, _port) = endpoint(9);
    probe(endpoint).unwrap();
}

#[test]
fn a_probe_that_never_comes_back_says_what_it_tried() {
    let endpoint = Endpoint { group: Ipv4Addr::new(239, 1, 2, 3), port: 9, interface: LOOPBACK };
    let error = ProbeError::NoMulticast { endpoint, sent: 10, waited_ms: 500 };
    let expected = "no multicast on interface 127.0.0.1: none of 10 datagrams to 239.1.2.3:9 came \
                    back within 500 ms";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn reserved_ports_differ_and_can_be_used() {
    let ports: Vec<_> = (0..20).map(|_| ReservedPort::new().unwrap()).collect();
    let mut numbers: Vec<_> = ports.iter().map(ReservedPort::get).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), ports.len());
    for port in &ports {
        let group = Ipv4Addr::new(239, 77, 99, 10);
        drop(receiver(Endpoint { group, port: port.get(), interface: LOOPBACK }));
    }
}

/// Receives at `media` until `count` datagrams have come, or none came for a second.
fn taken(media: &mut UdpMedia, count: usize) -> Vec<(Vec<u8>, std::net::SocketAddrV4)> {
    let mut datagrams = Vec::new();
    let mut silent_ms = 0;
    while datagrams.len() < count && silent_ms < 1_000 {
        let received = media.receive(&mut |bytes, from| datagrams.push((bytes.to_vec(), from)));
        if received.unwrap() == 0 {
            std::thread::sleep(Duration::from_millis(1));
            silent_ms += 1;
        }
    }
    datagrams
}

/// Data of one size, which the system cuts and joins, of many sizes, and of nothing.
fn check_stream(sender: &mut UdpMedia, receivers: &mut [UdpMedia]) {
    let lengths = [1280; 60].into_iter().chain([160, 1408, 96, 32, 0, 1408, 1408, 640]);
    let bytes: Vec<Vec<u8>> = lengths
        .enumerate()
        .map(|(number, length)| (0..length).map(|at| (at * 31 + number) as u8).collect())
        .collect();
    let datagrams: Vec<_> = bytes.iter().map(|bytes| Datagram::whole(bytes)).collect();
    let mut sent = 0;
    while sent < datagrams.len() {
        sent += sender.send(&datagrams[sent..]).unwrap();
    }
    for (number, receiver) in receivers.iter_mut().enumerate() {
        let came = taken(receiver, bytes.len());
        let from = came[0].1;
        let expected: Vec<_> = bytes.iter().map(|bytes| (bytes.clone(), from)).collect();
        assert_eq!(came, expected);
        assert_eq!(receiver.dropped().unwrap(), 0);
        // The answer goes to the sender alone, from where the data is heard.
        let answer = [number as u8; 36];
        assert_eq!(receiver.send(&[Datagram::whole(&answer)]).unwrap(), 1);
        let (answered, from) = taken(sender, 1).remove(0);
        assert_eq!((answered, from.port()), (answer.to_vec(), receiver.address().unwrap().port()));
        assert!(receiver.send_to(&answer[..28], came[0].1).is_ok());
    }
    for receiver in receivers {
        let mut none = |_: &[u8], _| panic!("a receiver hears no answers");
        assert_eq!(receiver.receive(&mut none).unwrap(), 0);
    }
}

#[test]
fn a_stream_to_a_group_and_what_it_answers() {
    let (endpoint, _port) = endpoint(21);
    let control = Ipv4Addr::new(239, 77, 99, 22);
    let buffers = StreamBuffers::default();
    let open = || UdpMedia::multicast_receiver(endpoint, control, 1, buffers).unwrap();
    let mut receivers = [open(), open()];
    let mut sender = UdpMedia::multicast_sender(endpoint, control, 1, buffers).unwrap();
    check_stream(&mut sender, &mut receivers);
    assert!(sender.calls().0 > 0);
}

#[test]
fn a_stream_to_one_receiver_and_what_it_answers() {
    let buffers = StreamBuffers { send_bytes: Some(1 << 20), ..StreamBuffers::default() };
    let at = std::net::SocketAddrV4::new(LOOPBACK, 0);
    let mut receiver = UdpMedia::unicast_receiver(at, buffers).unwrap();
    let refused = receiver.send(&[Datagram::whole(&[1])]).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::NotConnected, "it has heard nobody");
    let to = receiver.address().unwrap();
    let mut sender = UdpMedia::unicast_sender(to, LOOPBACK, buffers).unwrap();
    check_stream(&mut sender, std::slice::from_mut(&mut receiver));

    // Where each datagram says where it goes.
    let mut one = UdpMedia::addressed(at, buffers).unwrap();
    let mut other = UdpMedia::addressed(at, buffers).unwrap();
    assert!(one.send_to(&[7; 100], other.address().unwrap()).unwrap());
    assert_eq!(taken(&mut other, 1), [(vec![7; 100], one.address().unwrap())]);
    assert!(one.send(&[Datagram::whole(&[1])]).is_err());

    // A receiver that is gone is an error, or nothing at all; never a panic.
    drop(receiver);
    for _ in 0..3 {
        let _ = sender.send(&[Datagram::whole(&[1; 32])]);
        let _ = sender.receive(&mut |_, _| ());
    }
}
