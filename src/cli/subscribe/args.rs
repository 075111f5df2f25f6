//! What `isochron subscribe` can be asked for, and what of that makes no sense.

use super::follower::Setting;
use super::ladder::Level;
use crate::net::Endpoint;
use clap::Args as ClapArgs;
use isochron_feeds::mold::Session;
use isochron_feeds::subscriber::Source;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Options of `isochron subscribe`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Multicast group of line A.
    #[arg(long, required_unless_present = "from")]
    group: Option<Ipv4Addr>,
    /// UDP port of line A.
    #[arg(long, required_unless_present = "from", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Address of the interface to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    interface: Ipv4Addr,
    /// Multicast group of line B, which brings the same once more [default: line A's].
    #[arg(long)]
    group_b: Option<Ipv4Addr>,
    /// UDP port of line B [default: line A's].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port_b: Option<u16>,
    /// Address of the interface that line B comes from [default: line A's].
    #[arg(long)]
    interface_b: Option<Ipv4Addr>,
    /// Session to follow, as 261122300A; the first one heard where none is given.
    #[arg(long, default_value = "", value_parser = session)]
    pub(super) session: Session,
    #[command(flatten)]
    pub(super) repair: RepairArgs,
    /// Shows a market, live: the quote (l1), price levels (l2) or every order (l3). A terminal gets
    /// a ladder, a pipe a line each second, --json an object each second.
    #[arg(long)]
    pub(super) level: Option<Level>,
    /// The symbol to show first [default: the first one heard].
    #[arg(long, requires = "level")]
    pub(super) symbol: Option<String>,
    /// Prints one line of JSON at the end, and nothing else but errors, --messages and --level.
    #[arg(long)]
    pub(super) json: bool,
    /// Prints every message.
    #[arg(long, conflicts_with = "level")]
    pub(super) messages: bool,
    /// Prints no line each second and no list of books at the end.
    #[arg(long)]
    pub(super) quiet: bool,
    /// Reports progress in this counters file.
    #[arg(long, value_name = "FILE")]
    pub(super) counters: Option<PathBuf>,
    /// Records every datagram in this file, as a packet capture (pcap).
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    pub(super) record: Option<PathBuf>,
    /// Reads the datagrams of a recording, or of a capture of tcpdump or Wireshark, instead of
    /// listening.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rerequest", "replay", "snapshot"])]
    pub(super) from: Option<PathBuf>,
    /// Throws away the Nth datagram with messages, on both lines, to see the loss found.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    drop_datagram: Option<u64>,
    /// Throws away all that comes on one line, to see the other stand in.
    #[arg(long, value_name = "LINE")]
    drop_line: Option<LineName>,
    /// Seconds of silence after which it gives up; 0 never does.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(super) idle_timeout: u64,
}

/// Where what is missing is had from.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Repair")]
pub(super) struct RepairArgs {
    /// Server that sends single messages again, by UDP; several are asked in turn.
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) rerequest: Vec<String>,
    /// Server that repeats the session, by TCP; several are asked in turn.
    #[arg(long, value_name = "HOST:PORT", requires = "user")]
    pub(super) replay: Vec<String>,
    /// Server of snapshots, by TCP, for who joins late; several are asked in turn.
    #[arg(long, value_name = "HOST:PORT", requires = "user")]
    pub(super) snapshot: Vec<String>,
    /// Who logs in there. The password is in ISOCHRON_PASSWORD or in --password-file.
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// File whose first line is the password.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(super) password_file: Option<PathBuf>,
    /// Repairs nothing, whatever servers are given.
    #[arg(long)]
    pub(super) no_repair: bool,
}

/// One of the two lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LineName {
    A,
    B,
}

fn session(name: &str) -> Result<Session, String> {
    Session::new(name).ok_or_else(|| "at most ten letters and digits".to_owned())
}

impl Args {
    /// Where line A comes from; only a recording needs none.
    pub(super) fn line_a(&self) -> Option<Endpoint> {
        let (group, port) = (self.group?, self.port?);
        Some(Endpoint { group, port, interface: self.interface })
    }

    /// Where line B comes from, if there is one.
    pub(super) fn line_b(&self) -> Option<Endpoint> {
        let a = self.line_a()?;
        if self.group_b.is_none() && self.port_b.is_none() && self.interface_b.is_none() {
            return None;
        }
        Some(Endpoint {
            group: self.group_b.unwrap_or(a.group),
            port: self.port_b.unwrap_or(a.port),
            interface: self.interface_b.unwrap_or(a.interface),
        })
    }

    /// What is done with what is heard.
    pub(super) fn setting(&self) -> Setting {
        Setting {
            session: Some(self.session).filter(|session| !session.is_blank()),
            drop_datagram: self.drop_datagram,
            drop_line: self.drop_line.map(|line| match line {
                LineName::A => Source::LineA,
                LineName::B => Source::LineB,
            }),
            messages: self.messages,
            json: self.json,
        }
    }
}
