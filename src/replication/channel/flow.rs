//! `fc=`: whom a sender waits for.
//!
//! Source: Aeron's flow control, `aeron_min_flow_control.c` (the form of the parameter).

use std::fmt;

use super::values;
use crate::limits::RECEIVERS_MAX;

/// How long a receiver that counts may be silent where nothing is said (Aeron's).
const TIMEOUT_NS_DEFAULT: u64 = 5_000_000_000;

/// Whom a sender waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowControl {
    /// For the fastest receiver; slower ones are overrun, and repair.
    #[default]
    Max,
    /// For the slowest of all.
    Min(Group),
    /// For the slowest of those with the tag.
    Tagged {
        /// The group that counts.
        tag: i64,
        /// When it counts.
        group: Group,
    },
}

/// The receivers that a sender waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// How many there must be before anything is sent.
    pub size_min: usize,
    /// How long one may be silent until it does not count any more.
    pub timeout_ns: u64,
}

impl Default for Group {
    fn default() -> Self {
        Self { size_min: 0, timeout_ns: TIMEOUT_NS_DEFAULT }
    }
}

impl FlowControl {
    /// How long a receiver may be silent until it does not count any more.
    #[must_use]
    pub fn timeout_ns(&self) -> u64 {
        match self {
            Self::Max => TIMEOUT_NS_DEFAULT,
            Self::Min(group) | Self::Tagged { group, .. } => group.timeout_ns,
        }
    }

    /// Reads the parameter's value; what was expected instead.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "max, min or tagged";
        let mut parts = text.split(',');
        let strategy = parts.next().unwrap_or("");
        let mut group = Group::default();
        let (mut tag, mut sized, mut timed) = (None, false, false);
        for part in parts {
            if strategy == "max" {
                return Err("max alone: it waits for no group");
            }
            if let Some(value) = part.strip_prefix("g:").filter(|_| !sized) {
                sized = true;
                let (name, size) = value.split_once('/').unwrap_or((value, ""));
                let expected = "g:TAG/SIZE, both whole numbers";
                tag = match name {
                    "" => None,
                    name => Some(name.parse().map_err(|_| expected)?),
                };
                if !size.is_empty() {
                    group.size_min = size.parse().map_err(|_| expected)?;
                }
                if group.size_min > RECEIVERS_MAX {
                    return Err("a group of at most 64 receivers");
                }
            } else if let Some(value) = part.strip_prefix("t:").filter(|_| !timed) {
                timed = true;
                let timeout_ns = values::duration_ns(value).filter(|ns| *ns > 0);
                group.timeout_ns = timeout_ns.ok_or("t: and a time, such as t:5s or t:200ms")?;
            } else {
                return Err("g:TAG/SIZE and t:TIME behind the strategy, each once");
            }
        }
        match (strategy, tag) {
            ("max", _) => Ok(Self::Max),
            ("min", None) => Ok(Self::Min(group)),
            ("min", Some(_)) => Err("no tag with min: it waits for all"),
            ("tagged", Some(tag)) => Ok(Self::Tagged { tag, group }),
            ("tagged", None) => Err("a tag with tagged, such as fc=tagged,g:7/2"),
            _ => Err(EXPECTED),
        }
    }
}

const _: () = assert!(RECEIVERS_MAX == 64, "as the message says");

impl fmt::Display for FlowControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = match self {
            Self::Max => return write!(f, "max"),
            Self::Min(group) => {
                write!(f, "min")?;
                if group.size_min > 0 {
                    write!(f, ",g:/{}", group.size_min)?;
                }
                group
            }
            Self::Tagged { tag, group } => {
                write!(f, "tagged,g:{tag}")?;
                if group.size_min > 0 {
                    write!(f, "/{}", group.size_min)?;
                }
                group
            }
        };
        let ns = group.timeout_ns;
        match ns {
            TIMEOUT_NS_DEFAULT => Ok(()),
            _ if ns.is_multiple_of(1_000_000_000) => write!(f, ",t:{}s", ns / 1_000_000_000),
            _ if ns.is_multiple_of(1_000_000) => write!(f, ",t:{}ms", ns / 1_000_000),
            _ => write!(f, ",t:{ns}ns"),
        }
    }
}
