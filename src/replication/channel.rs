//! Channels: where a stream goes, in the words of Aeron's URIs.
//!
//! ```text
//!  aeron:udp?endpoint=239.77.0.1:40456|interface=10.1.0.1|fc=min,g:/2,t:2s|rcv-wnd=2m|so-rcvbuf=8m
//!            ╰ data: last octet odd    ╰ the NIC's own    ╰ all of two or more receivers,
//!              control: group + 1        address            none that is silent for 2 s
//! ```
//!
//! A parameter that is unknown, given twice, or contradicts another is refused by its name: a
//! stream that silently does something else than it was told costs a day to find. Source: Aeron's
//! channel configuration, `aeron_uri.h`.

mod flow;
mod open;
mod values;

#[cfg(test)]
mod tests;

pub use flow::{FlowControl, Group};

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::str::FromStr;

use crate::limits::{FRAME_ALIGNMENT_BYTES, MTU_BYTES, RECEIVER_WINDOW_BYTES_DEFAULT};
use crate::store::Terms;

/// The largest MTU of Aeron's.
pub(super) const MTU_BYTES_AERON_MAX: usize = 65_504;

/// Where a stream goes and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// The group, or the one receiver, that data is sent to.
    pub endpoint: SocketAddrV4,
    /// The address of the interface that sends and listens; none leaves the choice to the system.
    pub interface: Option<Ipv4Addr>,
    /// Whom the sender waits for.
    pub flow_control: FlowControl,
    /// The group that this side's receiver says it is in.
    pub group_tag: Option<i64>,
    /// Bytes of a datagram at most.
    pub mtu_bytes: usize,
    /// Routers that multicast passes, plus one; 0 leaves it to the system.
    pub ttl: u8,
    /// What the log's terms must be, if it says so.
    pub term_bytes: Option<usize>,
    /// The session to follow: of a stream whose sender is not ours.
    pub session: Option<i32>,
    /// The stream to follow, if it says so.
    pub stream: Option<i32>,
    /// Bytes that a receiver takes beyond its position.
    pub receiver_window_bytes: usize,
    /// The send buffer to ask the system for; none leaves it as it is.
    pub send_buffer_bytes: Option<usize>,
    /// The receive buffer to ask the system for; none leaves it to us.
    pub receive_buffer_bytes: Option<usize>,
}

/// Why a text is no channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sentence of a variant says what its fields are")]
pub enum ChannelError {
    /// It does not begin with `aeron:udp?`.
    Scheme { text: String },
    /// A part is no `name=value`.
    NoValue { part: String },
    /// No parameter of ours has this name.
    Unknown { name: String },
    /// Aeron knows it, and a replicated log has no use for it.
    Unsupported { name: String, why: &'static str },
    /// Given more than once.
    Twice { name: String },
    /// Needed, and not there.
    Missing { name: &'static str },
    /// The value is none.
    Value { name: String, value: String, expected: &'static str },
    /// Two parameters that cannot both hold.
    Contradiction { name: &'static str, value: String, why: String },
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "channel: ")?;
        match self {
            Self::Scheme { text } => write!(f, "{text:?} does not begin with aeron:udp?"),
            Self::NoValue { part } => write!(f, "{part:?} is no parameter (name=value)"),
            Self::Unknown { name } => write!(f, "unknown parameter {name:?}"),
            Self::Unsupported { name, why } => write!(f, "{name} cannot be given: {why}"),
            Self::Twice { name } => write!(f, "{name} is given twice"),
            Self::Missing { name } => write!(f, "{name} is missing"),
            Self::Value { name, value, expected } => {
                write!(f, "{name}={value}: expected {expected}")
            }
            Self::Contradiction { name, value, why } => write!(f, "{name}={value}: {why}"),
        }
    }
}

impl std::error::Error for ChannelError {}

/// Parameters of Aeron's that a log's stream cannot take.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("control", "the control address follows from the endpoint"),
    ("control-mode", "the control address follows from the endpoint"),
    ("init-term-id", "the log's terms are counted from 0"),
    ("term-id", "the log's end is where the stream is"),
    ("term-offset", "the log's end is where the stream is"),
    ("reliable", "a log has no holes"),
    ("fallback", "a log has no holes"),
    ("group", "an endpoint is a group or is not"),
    ("cc", "the window is constant"),
    ("nak-delay", "the receiver times its requests by the size of its group"),
    ("max-resend", "retransmission has limits of its own"),
    ("response-correlation-id", "there are no response channels"),
    ("linger", "the store keeps what was sent"),
    ("sparse", "the store keeps what was sent"),
    ("eos", "a log that ends says so"),
    ("tether", "readers of the store hold nobody up"),
    ("ssc", "readers of the store hold nobody up"),
    ("rejoin", "a receiver goes on where its log ends"),
    ("spy", "readers of the store spy for nothing"),
];

impl Channel {
    /// A channel to `endpoint`, all else as where nothing is said.
    ///
    /// # Errors
    /// A group whose last octet is even: its control address would not be its own.
    pub fn to(endpoint: SocketAddrV4) -> Result<Self, ChannelError> {
        let channel = Self {
            endpoint,
            interface: None,
            flow_control: FlowControl::Max,
            group_tag: None,
            mtu_bytes: MTU_BYTES,
            ttl: 0,
            term_bytes: None,
            session: None,
            stream: None,
            receiver_window_bytes: RECEIVER_WINDOW_BYTES_DEFAULT,
            send_buffer_bytes: None,
            receive_buffer_bytes: None,
        };
        channel.check()?;
        Ok(channel)
    }

    /// Whether it goes to a group.
    #[must_use]
    pub fn is_multicast(&self) -> bool {
        self.endpoint.ip().is_multicast()
    }

    /// Where receivers of a group send what they have to say: the group beside it, same port.
    ///
    /// # Panics
    /// Of a channel to one receiver: it answers to where the data comes from.
    #[must_use]
    pub fn control(&self) -> SocketAddrV4 {
        assert!(self.is_multicast(), "{} has no control address", self.endpoint);
        // The last octet is odd, so the sum stays within it.
        let group = u32::from(*self.endpoint.ip()) + 1;
        SocketAddrV4::new(Ipv4Addr::from(group), self.endpoint.port())
    }

    /// Bytes that a receiver of a log with such terms takes beyond its position: at most half a
    /// term, because what is further could not be told from what is long past.
    #[must_use]
    pub fn window_bytes(&self, terms: Terms) -> usize {
        self.receiver_window_bytes.min(terms.bytes() / 2)
    }

    /// Takes one parameter.
    fn set(&mut self, name: &str, value: &str) -> Result<(), ChannelError> {
        let refuse = |expected| ChannelError::Value {
            name: name.to_owned(),
            value: value.to_owned(),
            expected,
        };
        const NUMBER: &str = "a whole number";
        const SIZE: &str = "a number of bytes, such as 2097152, 2048k or 2m";
        match name {
            // Names that Aeron gives to a channel mean nothing to us, and harm nothing.
            "alias" | "tags" => {}
            "endpoint" => {
                self.endpoint = value.parse().map_err(|_| refuse("an IPv4 address:port"))?;
            }
            "interface" => {
                let address = if value == "localhost" { "127.0.0.1" } else { value };
                let expected = "the interface's own IPv4 address";
                self.interface = Some(address.parse().map_err(|_| refuse(expected))?);
            }
            "fc" => {
                self.flow_control = FlowControl::parse(value).map_err(refuse)?;
            }
            "gtag" => self.group_tag = Some(value.parse().map_err(|_| refuse(NUMBER))?),
            "session-id" => self.session = Some(value.parse().map_err(|_| refuse(NUMBER))?),
            "stream-id" => self.stream = Some(value.parse().map_err(|_| refuse(NUMBER))?),
            "ttl" => self.ttl = value.parse().map_err(|_| refuse("0 to 255"))?,
            "mtu" => self.mtu_bytes = values::size(value).ok_or_else(|| refuse(SIZE))?,
            "term-length" => {
                let bytes = values::size(value).ok_or_else(|| refuse(SIZE))?;
                let expected = "a power of two from 64k to 1g";
                Terms::new(bytes).ok_or_else(|| refuse(expected))?;
                self.term_bytes = Some(bytes);
            }
            "rcv-wnd" => {
                self.receiver_window_bytes = values::size(value).ok_or_else(|| refuse(SIZE))?;
            }
            "so-sndbuf" => {
                self.send_buffer_bytes = Some(values::size(value).ok_or_else(|| refuse(SIZE))?);
            }
            "so-rcvbuf" => {
                self.receive_buffer_bytes = Some(values::size(value).ok_or_else(|| refuse(SIZE))?);
            }
            _ => {
                let name = name.to_owned();
                return Err(match UNSUPPORTED.iter().find(|(known, _)| *known == name) {
                    Some((_, why)) => ChannelError::Unsupported { name, why },
                    None => ChannelError::Unknown { name },
                });
            }
        }
        Ok(())
    }

    /// What must hold between the parameters.
    fn check(&self) -> Result<(), ChannelError> {
        let refuse = |name, value: &dyn fmt::Display, why: String| {
            Err(ChannelError::Contradiction { name, value: value.to_string(), why })
        };
        let Self { endpoint, mtu_bytes, receiver_window_bytes: window, .. } = self;
        if endpoint.port() == 0 || endpoint.ip().is_unspecified() || endpoint.ip().is_broadcast() {
            return refuse("endpoint", endpoint, "nothing can be sent there".into());
        }
        if self.is_multicast() && endpoint.ip().octets()[3].is_multiple_of(2) {
            let why = "the last octet of a group must be odd, the one after it is its control";
            return refuse("endpoint", endpoint, why.into());
        }
        if !self.is_multicast() && self.flow_control != FlowControl::Max {
            return refuse("fc", &self.flow_control, format!("{endpoint} is one receiver"));
        }
        if !self.is_multicast() && self.ttl != 0 {
            return refuse("ttl", &self.ttl, format!("{endpoint} is no group"));
        }
        if self.interface.is_some_and(|address| address.is_multicast()) {
            let address = self.interface.unwrap_or(Ipv4Addr::UNSPECIFIED);
            return refuse("interface", &address, "a group is no interface".into());
        }
        if !(MTU_BYTES..=MTU_BYTES_AERON_MAX).contains(mtu_bytes)
            || !mtu_bytes.is_multiple_of(FRAME_ALIGNMENT_BYTES)
        {
            let why = format!(
                "a multiple of 32 from {MTU_BYTES}, the log's longest frame, to \
                 {MTU_BYTES_AERON_MAX}"
            );
            return refuse("mtu", mtu_bytes, why);
        }
        if window < mtu_bytes {
            return refuse("rcv-wnd", window, format!("no datagram of mtu={mtu_bytes} fits"));
        }
        if let Some(half) = self.term_bytes.map(|bytes| bytes / 2).filter(|half| half < window) {
            return refuse("rcv-wnd", window, format!("more than half a term, {half}"));
        }
        match self.receive_buffer_bytes {
            Some(buffer) if buffer < *window => {
                refuse("rcv-wnd", window, format!("more than so-rcvbuf={buffer}"))
            }
            _ => Ok(()),
        }
    }
}

impl FromStr for Channel {
    type Err = ChannelError;

    fn from_str(text: &str) -> Result<Self, ChannelError> {
        let parameters = text
            .strip_prefix("aeron:udp?")
            .ok_or_else(|| ChannelError::Scheme { text: text.to_owned() })?;
        let nowhere = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 1), 1);
        let mut channel = Self::to(nowhere)?;
        let mut seen: Vec<&str> = Vec::new();
        for part in parameters.split('|') {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| ChannelError::NoValue { part: part.to_owned() })?;
            if seen.contains(&name) {
                return Err(ChannelError::Twice { name: name.to_owned() });
            }
            seen.push(name);
            channel.set(name, value)?;
        }
        if !seen.contains(&"endpoint") {
            return Err(ChannelError::Missing { name: "endpoint" });
        }
        // What half a small term allows, where nobody asked for more.
        if let Some(bytes) = channel.term_bytes.filter(|_| !seen.contains(&"rcv-wnd")) {
            channel.receiver_window_bytes = channel.receiver_window_bytes.min(bytes / 2);
        }
        channel.check()?;
        Ok(channel)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "aeron:udp?endpoint={}", self.endpoint)?;
        let mut optional = |name: &str, value: Option<&dyn fmt::Display>| match value {
            Some(value) => write!(f, "|{name}={value}"),
            None => Ok(()),
        };
        fn shown<T: fmt::Display>(value: &Option<T>) -> Option<&dyn fmt::Display> {
            value.as_ref().map(|value| value as _)
        }
        optional("interface", shown(&self.interface))?;
        let is_default = self.flow_control == FlowControl::Max;
        optional("fc", (!is_default).then_some(&self.flow_control as _))?;
        optional("gtag", shown(&self.group_tag))?;
        optional("mtu", (self.mtu_bytes != MTU_BYTES).then_some(&self.mtu_bytes as _))?;
        optional("ttl", (self.ttl != 0).then_some(&self.ttl as _))?;
        optional("term-length", shown(&self.term_bytes))?;
        optional("session-id", shown(&self.session))?;
        optional("stream-id", shown(&self.stream))?;
        let is_default = self.receiver_window_bytes == RECEIVER_WINDOW_BYTES_DEFAULT;
        optional("rcv-wnd", (!is_default).then_some(&self.receiver_window_bytes as _))?;
        optional("so-sndbuf", shown(&self.send_buffer_bytes))?;
        optional("so-rcvbuf", shown(&self.receive_buffer_bytes))
    }
}
