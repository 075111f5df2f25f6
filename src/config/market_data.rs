//! The market data as it is configured: which products, where they go, how long they are kept.

use std::net::Ipv4Addr;

use super::section::Section;
use crate::limits::{TERM_BYTES_MAX, TERM_BYTES_MIN};

/// The products that there are, by the names that the feed has for them.
pub const PRODUCTS: [&str; 7] = ["l1", "l2", "l3", "l2-5", "l2-10", "l1-conflated", "l2-conflated"];

/// Milliseconds of logged time between two states of a conflated product: below a tick's silence
/// it would not be told sooner, and an hour is no feed.
const CONFLATION_MS_MAX: u64 = 3_600_000;

/// Days that the logs of ended sessions are kept: ten years.
const LOG_DAYS_MAX: u32 = 3_653;

/// Where one line begins: each channel has the group and the port of its number behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The multicast group of channel 0.
    pub group: Ipv4Addr,
    /// Its UDP port.
    pub port: u16,
    /// The address of the interface that it leaves by.
    pub interface: Ipv4Addr,
}

/// What the public may know, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketData {
    /// Names of products, each once.
    pub products: Vec<&'static str>,
    /// Milliseconds of logged time between two states of a conflated product.
    pub conflation_ms: u64,
    /// Routers that a datagram may pass, less one; 0 stays on this machine.
    pub ttl: u32,
    /// Whether a stop ends the day's sessions for their receivers.
    pub end_session_at_stop: bool,
    /// Bytes of one file of a feed log, a power of two.
    pub log_term_bytes: usize,
    /// Days that the logs of ended sessions are kept, beside the newest.
    pub log_days: u32,
    /// The first line.
    pub line_a: Line,
    /// The second line, which says the same on a way of its own.
    pub line_b: Option<Line>,
}

impl Default for MarketData {
    fn default() -> Self {
        let interface = Ipv4Addr::LOCALHOST;
        let line = |second, port| Line { group: Ipv4Addr::new(239, second, 1, 1), port, interface };
        Self {
            products: vec!["l1", "l2", "l3"],
            conflation_ms: 100,
            ttl: 0,
            end_session_at_stop: false,
            log_term_bytes: 8 * 1024 * 1024,
            log_days: 7,
            line_a: line(77, 40_001),
            line_b: Some(line(78, 41_001)),
        }
    }
}

impl MarketData {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let products = section.words("products", &PRODUCTS);
        let allowed = format!("a power of two from {TERM_BYTES_MIN} to {TERM_BYTES_MAX}");
        let log_term_bytes = section.integer_of("log_term_bytes", &allowed, |bytes: &usize| {
            bytes.is_power_of_two() && (TERM_BYTES_MIN..=TERM_BYTES_MAX).contains(bytes)
        });
        let (line_a, _) = Line::read(section.section("line_a"), default.line_a, false);
        let default_b = default.line_b.unwrap_or(default.line_a);
        let (line_b, enabled) = Line::read(section.section("line_b"), default_b, true);
        let read = Self {
            products: products.unwrap_or(default.products),
            conflation_ms: section.integer(
                "conflation_ms",
                default.conflation_ms,
                1..=CONFLATION_MS_MAX,
            ),
            ttl: section.integer("ttl", default.ttl, 0..=255),
            end_session_at_stop: section
                .boolean("end_session_at_stop", default.end_session_at_stop),
            log_term_bytes: log_term_bytes.unwrap_or(default.log_term_bytes),
            log_days: section.integer("log_days", default.log_days, 0..=LOG_DAYS_MAX),
            line_a,
            line_b: enabled.then_some(line_b),
        };
        if enabled && (line_a.group, line_a.port) == (line_b.group, line_b.port) {
            let (group, port) = (line_a.group, line_a.port);
            section.fault(format_args!("both lines begin at {group}:{port}"));
        }
        section.finish();
        read
    }
}

impl Line {
    /// The line, and whether it is wanted; only a line that is `optional` can be left out.
    fn read(mut section: Section<'_>, default: Line, optional: bool) -> (Line, bool) {
        let group = "a multicast group, an address from 224.0.0.0 to 239.255.255.255";
        let group = section.value("group", group, |value| {
            value.text()?.parse().ok().filter(Ipv4Addr::is_multicast)
        });
        let interface = section.parsed("interface", "the IPv4 address of an interface");
        let line = Line {
            group: group.unwrap_or(default.group),
            port: section.integer("port", default.port, 1..=u16::MAX),
            interface: interface.unwrap_or(default.interface),
        };
        let enabled = !optional || section.boolean("enabled", true);
        section.finish();
        (line, enabled)
    }
}
