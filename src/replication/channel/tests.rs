//! Channels as texts: what they say, and what is refused.

use super::*;

fn channel(text: &str) -> Channel {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(parameters: &str) -> String {
    let parsed: Result<Channel, ChannelError> = format!("aeron:udp?{parameters}").parse();
    parsed.expect_err(parameters).to_string()
}

#[test]
fn a_group_with_everything_said() {
    let text = "aeron:udp?endpoint=239.77.0.1:40456|interface=10.1.0.1|fc=tagged,g:-7/2,t:200ms\
                |gtag=-7|mtu=8192|ttl=4|term-length=67108864|session-id=-5|stream-id=1001\
                |rcv-wnd=4194304|so-sndbuf=1048576|so-rcvbuf=8388608";
    let parsed = channel(text);
    let group = Group { size_min: 2, timeout_ns: 200_000_000 };
    let expected = Channel {
        endpoint: "239.77.0.1:40456".parse().expect("an address"),
        interface: Some(Ipv4Addr::new(10, 1, 0, 1)),
        flow_control: FlowControl::Tagged { tag: -7, group },
        group_tag: Some(-7),
        mtu_bytes: 8192,
        ttl: 4,
        term_bytes: Some(64 << 20),
        session: Some(-5),
        stream: Some(1001),
        receiver_window_bytes: 4 << 20,
        send_buffer_bytes: Some(1 << 20),
        receive_buffer_bytes: Some(8 << 20),
    };
    assert_eq!(parsed, expected);
    assert_eq!(parsed.to_string(), text, "what was said is said again");
    assert_eq!(parsed.control().to_string(), "239.77.0.2:40456");
    let short = "aeron:udp?so-rcvbuf=8m|rcv-wnd=4096k|term-length=64m|mtu=8K\
                 |endpoint=239.77.0.1:40456|interface=10.1.0.1|fc=tagged,t:200000us,g:-7/2|gtag=-7\
                 |ttl=4|session-id=-5|stream-id=1001|so-sndbuf=1M";
    assert_eq!(channel(short), expected, "in any order and any unit");
}

#[test]
fn what_is_not_said_is_the_default() {
    let parsed = channel("aeron:udp?endpoint=239.77.0.255:1|interface=localhost|alias=events");
    assert_eq!(parsed.flow_control, FlowControl::Max);
    assert_eq!((parsed.mtu_bytes, parsed.ttl), (1408, 0));
    assert_eq!(parsed.interface, Some(Ipv4Addr::LOCALHOST));
    assert_eq!(parsed.control().to_string(), "239.77.1.0:1");
    let unicast = channel("aeron:udp?endpoint=10.1.0.2:40456");
    assert!(!unicast.is_multicast());
    let small = Terms::new(64 * 1024).expect("a power of two");
    assert_eq!(unicast.window_bytes(small), 32 * 1024);
    let parsed = channel("aeron:udp?endpoint=239.77.0.1:1|term-length=64k");
    assert_eq!(parsed.receiver_window_bytes, 32 * 1024);
    for flow in ["min", "min,g:/3", "min,t:3s", "tagged,g:5", "tagged,g:5/1,t:7ns"] {
        let text = format!("aeron:udp?endpoint=239.77.0.1:1|fc={flow}");
        assert_eq!(channel(&text).to_string(), text);
    }
}

#[test]
fn refusals_name_the_parameter() {
    for (parameters, expected) in REFUSALS {
        assert_eq!(refusal(parameters), format!("channel: {expected}"));
    }
    let scheme: Result<Channel, _> = "aeron:ipc".parse();
    let text = "channel: \"aeron:ipc\" does not begin with aeron:udp?";
    assert_eq!(scheme.expect_err("no UDP").to_string(), text);
}

/// Parameters and what is said of them.
const REFUSALS: &[(&str, &str)] = &[
    ("interface=10.1.0.1", "endpoint is missing"),
    ("endpoint", "\"endpoint\" is no parameter (name=value)"),
    ("endpoint=a:1", "endpoint=a:1: expected an IPv4 address:port"),
    ("endpoint=10.0.0.1", "endpoint=10.0.0.1: expected an IPv4 address:port"),
    ("endpoint=10.0.0.1:1|endpoint=10.0.0.1:1", "endpoint is given twice"),
    ("endpoint=10.0.0.1:1|fast=yes", "unknown parameter \"fast\""),
    ("endpoint=10.0.0.1:1|reliable=false", "reliable cannot be given: a log has no holes"),
    ("endpoint=10.0.0.1:0", "endpoint=10.0.0.1:0: nothing can be sent there"),
    (
        "endpoint=239.77.0.2:40456",
        "endpoint=239.77.0.2:40456: the last octet of a group must be odd, the one after it is \
             its control",
    ),
    ("endpoint=10.0.0.1:1|fc=min", "fc=min: 10.0.0.1:1 is one receiver"),
    ("endpoint=10.0.0.1:1|ttl=3", "ttl=3: 10.0.0.1:1 is no group"),
    ("endpoint=10.0.0.1:1|ttl=256", "ttl=256: expected 0 to 255"),
    (
        "endpoint=10.0.0.1:1|mtu=1376",
        "mtu=1376: a multiple of 32 from 1408, the log's longest frame, to 65504",
    ),
    ("endpoint=10.0.0.1:1|rcv-wnd=1k", "rcv-wnd=1024: no datagram of mtu=1408 fits"),
    ("endpoint=10.0.0.1:1|rcv-wnd=4m|so-rcvbuf=2m", "rcv-wnd=4194304: more than so-rcvbuf=2097152"),
    (
        "endpoint=10.0.0.1:1|rcv-wnd=64k|term-length=64k",
        "rcv-wnd=65536: more than half a term, 32768",
    ),
    (
        "endpoint=10.0.0.1:1|term-length=100k",
        "term-length=100k: expected a power of two from 64k to 1g",
    ),
    (
        "endpoint=10.0.0.1:1|rcv-wnd=-1",
        "rcv-wnd=-1: expected a number of bytes, such as 2097152, 2048k or 2m",
    ),
    (
        "endpoint=10.0.0.1:1|interface=10.0.0.0/8",
        "interface=10.0.0.0/8: expected the interface's own IPv4 address",
    ),
    ("endpoint=10.0.0.1:1|interface=224.0.0.1", "interface=224.0.0.1: a group is no interface"),
    ("endpoint=239.0.0.1:1|fc=fast", "fc=fast: expected max, min or tagged"),
    (
        "endpoint=239.0.0.1:1|fc=tagged",
        "fc=tagged: expected a tag with tagged, such as fc=tagged,g:7/2",
    ),
    ("endpoint=239.0.0.1:1|fc=min,g:7", "fc=min,g:7: expected no tag with min: it waits for all"),
    ("endpoint=239.0.0.1:1|fc=min,g:/65", "fc=min,g:/65: expected a group of at most 64 receivers"),
    (
        "endpoint=239.0.0.1:1|fc=min,t:5",
        "fc=min,t:5: expected t: and a time, such as t:5s or t:200ms",
    ),
    (
        "endpoint=239.0.0.1:1|fc=min,rrwm:4",
        "fc=min,rrwm:4: expected g:TAG/SIZE and t:TIME behind the strategy, each once",
    ),
    ("endpoint=239.0.0.1:1|fc=max,t:1s", "fc=max,t:1s: expected max alone: it waits for no group"),
];

#[test]
fn sizes_and_times_end_within_their_numbers() {
    assert_eq!(values::size("18446744073709551615g"), None);
    assert_eq!(values::size(""), None);
    assert_eq!(values::size("k"), None);
    assert_eq!(values::size("1_0"), None);
    assert_eq!(values::size("+1"), None);
    assert_eq!(values::size("16m"), Some(16 << 20));
    assert_eq!(values::duration_ns("18446744073709551615s"), None);
    assert_eq!(values::duration_ns("5"), None);
    assert_eq!(values::duration_ns("µs"), None);
    assert_eq!(values::duration_ns("1us"), Some(1_000));
}
