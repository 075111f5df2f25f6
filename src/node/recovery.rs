//! The repair service of an exchange: its options, and its agents.

use super::{Exchange, NodeError};
use crate::agent::SystemClock;
use crate::config;
use crate::limits::OPEN_FILES_BESIDE_CONNECTIONS;
use crate::net::allow_open_files;
use crate::recovery_service::{Listening, Opened, RecoveryAgent, RecoveryError, RecoveryOptions};
use crate::store::RealDisk;
use isochron_feeds::channel::Product;
use isochron_recovery::access::{Access, Entitlement, Grant, Quota, User};
use isochron_recovery::rerequest::{Network, Rates};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// The repair service of a configuration, if it wants one, beside the log in a directory.
///
/// # Errors
/// A network that is none, or a user that cannot be.
pub fn options(
    config: &config::Recovery,
    store: &Path,
) -> Result<Option<RecoveryOptions>, config::Fault> {
    if !config.enabled {
        return Ok(None);
    }
    let line = config.rerequest_networks.line;
    let fault = |error: &dyn Display| config::Fault { line, message: format!("recovery: {error}") };
    let parsed = config.rerequest_networks.texts.iter().map(|text| text.parse::<Network>());
    let rerequest_networks = parsed.collect::<Result<_, _>>().map_err(|error| fault(&error))?;
    let users = config.users.iter().map(user).collect::<Result<_, _>>()?;
    Ok(Some(RecoveryOptions {
        store: store.to_path_buf(),
        replay: config.replay,
        snapshots: config.snapshots,
        rerequests: config.rerequests,
        rerequest_networks,
        rerequest_rates: Rates {
            per_second: config.rerequests_per_second,
            per_minute: config.rerequests_per_minute,
            per_day: config.rerequests_per_day,
        },
        connections_max: config.connections_max,
        connections_per_address_max: config.connections_per_address_max,
        snapshot_age_ns_max: config.snapshot_age_ms * 1_000_000,
        users,
        secret: [0; 32],
    }))
}

fn user(written: &config::RecoveryUser) -> Result<User, config::Fault> {
    fn grant<T: Ord + Clone>(listed: Option<&Vec<T>>) -> Grant<T> {
        listed.map_or(Grant::All, |some| Grant::Only(some.iter().cloned().collect()))
    }
    let default = Quota::default();
    let products = written.products.as_ref().map_or(Product::ALL.into(), |words| {
        // The section took no other words.
        words.iter().filter_map(|word| Product::of_word(word)).collect()
    });
    let user = User {
        name: written.name.clone(),
        password_hash: written.password.clone(),
        entitlement: Entitlement {
            products,
            partitions: grant(written.partitions.as_ref()),
            symbols: grant(written.symbols.as_ref()),
        },
        quota: Quota {
            logins_per_minute: written.logins_per_minute.unwrap_or(default.logins_per_minute),
            connections_max: written.connections_max.unwrap_or(default.connections_max),
            replayed_messages_per_day: written
                .messages_per_day
                .unwrap_or(default.replayed_messages_per_day),
        },
    };
    // Alone, so that what is wrong with it has its line.
    let named = |error: &dyn Display| config::Fault {
        line: written.line,
        message: format!("recovery.users: {error}"),
    };
    Access::new(std::slice::from_ref(&user), [0; 32]).map_err(|error| named(&error))?;
    Ok(user)
}

impl Exchange {
    /// Adds the repair service: it reads what the feed has sent, and writes nothing.
    pub(super) fn add_recovery(&mut self, options: &RecoveryOptions) -> Result<(), NodeError> {
        let system = |error| NodeError::Recovery(RecoveryError::System(error));
        let options = RecoveryOptions { secret: secret().map_err(system)?, ..options.clone() };
        // Fewer are no reason not to start: each connection that finds none is counted.
        allow_open_files(options.connections_max as u64 + OPEN_FILES_BESIDE_CONNECTIONS)
            .map_err(system)?;
        let (disk, clock) = (Arc::new(RealDisk), Box::new(SystemClock::new()));
        let service = RecoveryAgent::open(disk, &options, clock, &self.counters);
        let Opened { recovery, passwords, images } = service.map_err(NodeError::Recovery)?;
        self.recovery = Some(recovery.listening().map_err(system)?);
        self.add(Some(recovery));
        self.add(Some(passwords));
        self.add(Some(images));
        Ok(())
    }

    /// Where the repair service listens, where it runs here.
    #[must_use]
    pub fn recovery(&self) -> Option<&Listening> {
        self.recovery.as_ref()
    }
}

/// Random bytes of the system.
pub(super) fn secret() -> io::Result<[u8; 32]> {
    let mut secret = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut secret)?;
    Ok(secret)
}
