//! The servers that repair, by their addresses, and the password for them.

use super::args::RepairArgs;
use crate::demo::PASSWORD_VARIABLE;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// Where repairs come from. Without any, nothing is repaired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Servers {
    /// Single messages, by UDP.
    pub(super) requests: Vec<SocketAddr>,
    /// The session, by TCP.
    pub(super) replay: Vec<SocketAddr>,
    /// The books, by TCP.
    pub(super) snapshot: Vec<SocketAddr>,
    pub(super) user: String,
    pub(super) password: String,
}

/// Why there is nobody to ask.
#[derive(Debug)]
pub(super) enum ServersError {
    /// The name of a server leads nowhere.
    Unknown { address: String, error: io::Error },
    /// The file with the password cannot be read.
    PasswordFile { path: PathBuf, error: io::Error },
    /// A user needs a password.
    NoPassword { user: String },
}

impl fmt::Display for ServersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { address, error } => write!(f, "no server at {address:?}: {error}"),
            Self::PasswordFile { path, error } => write!(f, "{}: {error}", path.display()),
            Self::NoPassword { user } => write!(
                f,
                "no password for user {user:?}: it belongs in {PASSWORD_VARIABLE} or in a file \
                 that --password-file names"
            ),
        }
    }
}

impl std::error::Error for ServersError {}

impl Servers {
    /// Those that the command line names; none with `--no-repair`.
    pub(super) fn of(args: &RepairArgs) -> Result<Self, ServersError> {
        if args.no_repair {
            return Ok(Self::default());
        }
        let all =
            |names: &[String]| names.iter().map(|name| resolve(name)).collect::<Result<_, _>>();
        let mut servers = Self {
            requests: all(&args.rerequest)?,
            replay: all(&args.replay)?,
            snapshot: all(&args.snapshot)?,
            ..Self::default()
        };
        let needs_login = !servers.replay.is_empty() || !servers.snapshot.is_empty();
        if let Some(user) = args.user.as_ref().filter(|_| needs_login) {
            servers.user.clone_from(user);
            servers.password = password(args, user)?;
        }
        Ok(servers)
    }

    /// Whether there is nobody to ask.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.replay.is_empty() && self.snapshot.is_empty()
    }
}

/// The first address that a server's name stands for.
fn resolve(address: &str) -> Result<SocketAddr, ServersError> {
    let unknown = |error| ServersError::Unknown { address: address.to_owned(), error };
    let mut found = address.to_socket_addrs().map_err(unknown)?;
    // What is asked by UDP answers to the socket that asks, which is one of IPv4.
    let found = found.find(SocketAddr::is_ipv4);
    found.ok_or_else(|| unknown(io::Error::other("it has no IPv4 address")))
}

/// Never an argument: those are seen by everybody on the machine.
fn password(args: &RepairArgs, user: &str) -> Result<String, ServersError> {
    if let Some(path) = &args.password_file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ServersError::PasswordFile { path: path.clone(), error })?;
        return Ok(text.lines().next().unwrap_or_default().to_owned());
    }
    let none = |_| ServersError::NoPassword { user: user.to_owned() };
    std::env::var(PASSWORD_VARIABLE).map_err(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_found_by_name_or_by_number() {
        let args = RepairArgs {
            rerequest: vec!["127.0.0.1:1".into(), "localhost:2".into()],
            ..RepairArgs::default()
        };
        let here = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let servers = Servers::of(&args).unwrap();
        assert_eq!(servers.requests, [here(1), here(2)]);
        assert!(!servers.is_empty());
        assert!(Servers::of(&RepairArgs { no_repair: true, ..args }).unwrap().is_empty());
        for wrong in ["127.0.0.1", "127.0.0.1:70000", "[::1]:1", ""] {
            let args = RepairArgs { replay: vec![wrong.into()], ..RepairArgs::default() };
            let error = Servers::of(&args).unwrap_err().to_string();
            assert!(error.contains(&format!("{wrong:?}")), "{error}");
        }
    }

    #[test]
    fn the_password_is_the_first_line_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "secret\nmore\n").unwrap();
        let args = RepairArgs {
            replay: vec!["127.0.0.1:1".into()],
            user: Some("demo".into()),
            password_file: Some(path),
            ..RepairArgs::default()
        };
        let servers = Servers::of(&args).unwrap();
        assert_eq!((servers.user.as_str(), servers.password.as_str()), ("demo", "secret"));
        let nowhere = Some(folder.path().join("none"));
        let error = Servers::of(&RepairArgs { password_file: nowhere, ..args }).unwrap_err();
        assert!(error.to_string().contains("none: "), "{error}");
    }
}
