//! `isochron standby`: a node that follows the primary of its exchange, until it becomes it.

use super::output::{End, end};
use super::serve::Served;
use crate::node::{self, Component, Start};
use clap::Args as ClapArgs;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `isochron standby`.
#[derive(Clone, Debug, ClapArgs)]
pub(super) struct Args {
    /// The node's configuration, with all nodes in [[replication.nodes]].
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Lets this node cut what it has committed and the primary does not have, after a promotion by
    /// force or a weaker `ack`. What it cuts is kept in the store's folder `discarded`.
    #[arg(long)]
    discard_tail: bool,
    /// Ends, as by a signal, when the process that started it has ended.
    #[arg(long)]
    end_with_parent: bool,
}

/// Runs the command: 0 after a signal, 1 if a part failed, 2 if it could not start.
pub(super) fn run(args: &Args) -> ExitCode {
    end("standby", &"", standby(args))
}

fn standby(args: &Args) -> Result<u8, End> {
    let parent = args.end_with_parent.then(parent_id);
    let config = super::config::read(&args.config)?;
    let base = args.config.parent().map(Path::to_path_buf).unwrap_or_default();
    let node = node::Config::of(&config, &base, &Component::ALL).map_err(End::unreadable)?;
    let Some(options) = &node.replication else {
        let file = args.config.display();
        let error = format_args!("{file} has no [[replication.nodes]]: there is nobody to follow");
        return Err(End::unreadable(error));
    };
    let file = Some(args.config.as_path());
    let served = Served { config: &config, node: &node, options, file, parent };
    served.run(Start::Follows, args.discard_tail)
}
