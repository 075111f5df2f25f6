//! What a demo is, as a configuration: its exchange runs on it, and its repair service, in a
//! process of its own, is given it as a file.

use super::Args;
use crate::config::Config;
use crate::net::{Endpoint, OpenError, ReservedPort};
use isochron_feeds::channel::{Channel, Product};
use isochron_recovery::access::{Cost, hash_password};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;

/// Who may ask a demo for what was missed. Everybody may know it.
pub(super) const USER: &str = "demo";
pub(super) const PASSWORD: &str = "demo";

/// The channel that its subscribers follow.
pub(super) const CHANNEL: Channel = Channel { partition: 0, product: Product::L3 };

/// What is published.
pub(super) const PRODUCTS: [Product; 3] = [Product::L1, Product::L2, Product::L3];

/// Ports in a row that a line needs: the channels of one partition.
const PORTS_PER_LINE: u16 = 8;

/// Tries for as many free ports in a row.
const TRIES_MAX: usize = 64;

/// What the password of a demo costs to look at: there is nothing to protect.
const COST: Cost = Cost { memory_kib: 8, passes: 1 };

/// Where channel 0 of each line goes, its ports kept from other demos as long as this lives.
pub(super) struct Lines {
    /// Group, first port and interface of line A, then of line B.
    pub(super) first: [Endpoint; 2],
    _reserved: Vec<ReservedPort>,
}

impl Lines {
    /// Takes the ports that were asked for, or free ones.
    pub(super) fn reserve(args: &Args) -> Result<Self, String> {
        let a =
            Endpoint { group: args.group, port: args.port.unwrap_or(0), interface: args.interface };
        let b = Endpoint { group: args.group_b, ..a };
        if let Some(group) = [a.group, b.group].into_iter().find(|group| !group.is_multicast()) {
            return Err(OpenError::NotMulticast { group }.to_string());
        }
        let (first_a, mut reserved) = reserve_row(a, args.port)?;
        // Another group, so that the same ports would do; but a port tells the lines apart.
        let (first_b, more) = reserve_row(b, None)?;
        reserved.extend(more);
        Ok(Self { first: [first_a, first_b], _reserved: reserved })
    }

    /// Where the subscribers' channel goes on each line.
    pub(super) fn channel(&self) -> [Endpoint; 2] {
        self.first.map(|first| {
            let address = CHANNEL.address(first.group, first.port);
            let (group, port) = address.expect("the ports were reserved from the first on");
            Endpoint { group, port, ..first }
        })
    }
}

/// Takes the ports of a line.
fn reserve_row(at: Endpoint, port: Option<u16>) -> Result<(Endpoint, Vec<ReservedPort>), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let row = |first: Endpoint, begun: Option<ReservedPort>| {
        let mut reserved = Vec::from_iter(begun);
        for n in reserved.len() as u16..PORTS_PER_LINE {
            let port = first.port.checked_add(n).ok_or("the last port is passed")?;
            let taken = ReservedPort::take(Endpoint { port, ..first });
            reserved.push(taken.map_err(|error| text(&error))?);
        }
        Ok((first, reserved))
    };
    if port.is_some() {
        return row(at, None);
    }
    let mut last = String::new();
    for _ in 0..TRIES_MAX {
        let begun = ReservedPort::new().map_err(|error| text(&error))?;
        match row(Endpoint { port: begun.get(), ..at }, Some(begun)) {
            Ok(done) => return Ok(done),
            Err(error) => last = error,
        }
    }
    Err(format!("no {PORTS_PER_LINE} free ports in a row: {last}"))
}

/// The configuration as text. `repairs` is where somebody may ask for what was missed: by TCP for
/// the session, for the books, and by UDP.
pub(super) fn text(
    args: &Args,
    directory: &Path,
    lines: &Lines,
    repairs: Option<[SocketAddrV4; 3]>,
) -> String {
    let mut text = String::from("# What a demo runs on.\n");
    let directory = quoted(&directory.display().to_string());
    let durability = &args.durability;
    let [a, b] = &lines.first;
    let mut add = |line: std::fmt::Arguments<'_>| {
        writeln!(text, "{line}").expect("a text takes what it is given");
    };
    add(format_args!("[store]\ndirectory = {directory}\ndurability = \"{durability}\""));
    add(format_args!("[snapshots]\nenabled = false"));
    add(format_args!("[market_data]\nproducts = {:?}", PRODUCTS.map(Product::word)));
    add(format_args!("end_session_at_stop = true"));
    for (name, line) in [("line_a", a), ("line_b", b)] {
        let Endpoint { group, port, interface } = line;
        add(format_args!("[market_data.{name}]"));
        add(format_args!("group = \"{group}\"\nport = {port}\ninterface = \"{interface}\""));
    }
    add(format_args!("[log]\nformat = \"json\""));
    add(format_args!("[recovery]\nenabled = {}", repairs.is_some()));
    let Some(repairs) = repairs else { return text };
    for (key, address) in ["replay", "snapshots", "rerequests"].into_iter().zip(repairs) {
        add(format_args!("{key} = \"{address}\""));
    }
    add(format_args!("rerequest_networks = [\"127.0.0.0/8\", \"{}/32\"]", args.interface));
    let hash = hash_password(PASSWORD, b"known to anybody", COST);
    let hash = hash.expect("it is a password");
    add(format_args!("[[recovery.users]]\nname = \"{USER}\"\npassword = \"{hash}\""));
    text
}

/// A text as TOML takes it: JSON's rules are among its own.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The configuration of that text.
pub(super) fn config(text: &str) -> Result<Config, String> {
    Config::parse(text).map_err(|faults| format!("the demo's own configuration: {faults}"))
}

/// The group of line B where none is given.
pub(super) const GROUP_B: Ipv4Addr = Ipv4Addr::new(239, 78, 1, 1);
