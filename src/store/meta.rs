//! `meta`: what a store is, written once when it is made.
//!
//! ```text
//!    0 magic "ISOSTORE"         8 format u32     12 node u32
//!   16 exchange's number i32   20 schema id u16  22 schema version u16
//!   24 term bytes u64          32 created u64    40 exchange's name, 64 bytes
//!  104 zero                   120 XXH3-64 over bytes 0..120
//! ```

use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use crate::limits::EXCHANGE_NAME_BYTES_MAX;
use crate::types::Nanos;

use super::disk::{Access, Disk};
use super::error::OpenError;
use super::segment::Terms;

pub(super) const FILE_NAME: &str = "meta";
const BYTES: usize = 128;
const CHECKED: usize = 120;
const NAME: usize = 40;
const MAGIC: &[u8; 8] = b"ISOSTORE";
const FORMAT: u32 = 1;

const _: () = assert!(NAME + EXCHANGE_NAME_BYTES_MAX <= CHECKED);

/// Which exchange's events a store holds, in which schema, at which node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The exchange's name: 1 to 64 bytes.
    pub exchange: String,
    /// The exchange's number; Aeron's stream id.
    pub exchange_number: i32,
    /// This node's number within the exchange.
    pub node: u32,
    /// The SBE schema of the messages.
    pub schema_id: u16,
    /// Its version.
    pub schema_version: u16,
}

/// What `meta` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Whose store it is.
    pub identity: Identity,
    /// The length of a segment.
    pub terms: Terms,
    /// When it was made.
    pub created: Nanos,
}

impl Meta {
    pub(super) fn new(
        identity: &Identity,
        term_bytes: usize,
        created: Nanos,
    ) -> Result<Self, OpenError> {
        let refuse = |field, reason| Err(OpenError::Options { field, reason });
        let Some(terms) = Terms::new(term_bytes) else {
            let reason = format!("{term_bytes} is no power of two from 64 KiB to 1 GiB");
            return refuse("term length", reason);
        };
        let name_bytes = identity.exchange.len();
        if name_bytes == 0
            || name_bytes > EXCHANGE_NAME_BYTES_MAX
            || identity.exchange.contains('\0')
        {
            let reason = format!(
                "{:?} is not 1 to {EXCHANGE_NAME_BYTES_MAX} bytes without a zero",
                identity.exchange
            );
            return refuse("exchange name", reason);
        }
        Ok(Self { identity: identity.clone(), terms, created })
    }

    fn emit(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, MAGIC);
        put(8, &FORMAT.to_le_bytes());
        put(12, &self.identity.node.to_le_bytes());
        put(16, &self.identity.exchange_number.to_le_bytes());
        put(20, &self.identity.schema_id.to_le_bytes());
        put(22, &self.identity.schema_version.to_le_bytes());
        put(24, &(self.terms.bytes() as u64).to_le_bytes());
        put(32, &self.created.get().to_le_bytes());
        put(NAME, self.identity.exchange.as_bytes());
        let checksum = xxh3_64(&bytes[..CHECKED]);
        bytes[CHECKED..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8; BYTES]) -> Result<Self, String> {
        if &bytes[..8] != MAGIC {
            return Err("not a store's meta file".into());
        }
        if u64_at(bytes, CHECKED) != xxh3_64(&bytes[..CHECKED]) {
            return Err("the checksum does not match".into());
        }
        let format = u32_at(bytes, 8);
        if format != FORMAT {
            return Err(format!("format {format}, expected {FORMAT}"));
        }
        let name = &bytes[NAME..NAME + EXCHANGE_NAME_BYTES_MAX];
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        let exchange =
            String::from_utf8(name[..end].to_vec()).map_err(|error| error.to_string())?;
        let term_bytes = u64_at(bytes, 24);
        let terms = usize::try_from(term_bytes).ok().and_then(Terms::new);
        let terms = terms.ok_or_else(|| format!("no term has {term_bytes} bytes"))?;
        let identity = Identity {
            exchange,
            exchange_number: u32_at(bytes, 16).cast_signed(),
            node: u32_at(bytes, 12),
            schema_id: u16::from_le_bytes([bytes[20], bytes[21]]),
            schema_version: u16::from_le_bytes([bytes[22], bytes[23]]),
        };
        Ok(Self { identity, terms, created: Nanos(u64_at(bytes, 32)) })
    }

    /// Reads a store's meta file.
    pub(super) fn load(disk: &dyn Disk, directory: &Path) -> Result<Self, OpenError> {
        let path = directory.join(FILE_NAME);
        let file = match disk.open(&path, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(OpenError::Missing { directory: directory.to_path_buf() });
            }
            Err(error) => return Err(OpenError::io("opening", path, error)),
        };
        let length = file.length_bytes().map_err(|e| OpenError::io("reading", &path, e))?;
        let mut bytes = [0; BYTES];
        let parsed = match length == BYTES as u64 {
            true => {
                file.read_at(0, &mut bytes).map_err(|e| OpenError::io("reading", &path, e))?;
                Self::parse(&bytes)
            }
            false => Err(format!("{length} bytes, expected {BYTES}")),
        };
        parsed.map_err(|reason| OpenError::Damaged { path, reason })
    }

    /// Whether there is a store in a directory.
    ///
    /// # Errors
    /// What says so is damaged, or cannot be read.
    pub fn is_there(disk: &dyn Disk, directory: &Path) -> Result<bool, OpenError> {
        match Self::load(disk, directory) {
            Ok(_) => Ok(true),
            Err(OpenError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes it, durably, under its name only when whole.
    pub(super) fn store(&self, disk: &dyn Disk, directory: &Path) -> Result<(), OpenError> {
        let path = directory.join(FILE_NAME);
        let unfinished = directory.join("meta.new");
        let write = || {
            let file = disk.create(&unfinished)?;
            file.write_at(0, &self.emit())?;
            file.sync()?;
            disk.rename(&unfinished, &path)?;
            disk.sync_directory(directory)
        };
        write().map_err(|error| OpenError::io("writing", &path, error))
    }

    /// Refuses a store that is another than expected, naming the first thing that differs.
    pub(super) fn check(&self, expected: &Expected) -> Result<(), OpenError> {
        fn same<T: PartialEq + ToString>(
            field: &'static str,
            expected: Option<&T>,
            found: &T,
        ) -> Result<(), OpenError> {
            match expected {
                Some(expected) if expected != found => Err(OpenError::Differs {
                    field,
                    expected: expected.to_string(),
                    found: found.to_string(),
                }),
                _ => Ok(()),
            }
        }
        let found = &self.identity;
        same("exchange", expected.exchange.as_ref(), &found.exchange)?;
        same("exchange number", expected.exchange_number.as_ref(), &found.exchange_number)?;
        same("node", expected.node.as_ref(), &found.node)?;
        same("schema id", expected.schema_id.as_ref(), &found.schema_id)?;
        same("schema version", expected.schema_version.as_ref(), &found.schema_version)?;
        same("term length", expected.term_bytes.as_ref(), &self.terms.bytes())
    }
}

/// What a store must be to be opened; `None` is anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The exchange's name.
    pub exchange: Option<String>,
    /// The exchange's number.
    pub exchange_number: Option<i32>,
    /// The node's number.
    pub node: Option<u32>,
    /// The SBE schema.
    pub schema_id: Option<u16>,
    /// Its version.
    pub schema_version: Option<u16>,
    /// Bytes of a segment.
    pub term_bytes: Option<usize>,
}

impl Expected {
    /// Exactly this store.
    #[must_use]
    pub fn exactly(identity: &Identity, term_bytes: usize) -> Self {
        Self {
            exchange: Some(identity.exchange.clone()),
            exchange_number: Some(identity.exchange_number),
            node: Some(identity.node),
            schema_id: Some(identity.schema_id),
            schema_version: Some(identity.schema_version),
            term_bytes: Some(term_bytes),
        }
    }

    /// Messages of this schema, of whatever exchange.
    #[must_use]
    pub fn schema(schema_id: u16, schema_version: u16) -> Self {
        let (schema_id, schema_version) = (Some(schema_id), Some(schema_version));
        Self { schema_id, schema_version, ..Self::default() }
    }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> Meta {
        let identity = Identity {
            exchange: "XISO".into(),
            exchange_number: 1001,
            node: 3,
            schema_id: 1,
            schema_version: 7,
        };
        Meta::new(&identity, 64 * 1024, Nanos(99)).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(Meta::parse(&meta().emit()), Ok(meta()));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        for bit in 0..BYTES * 8 {
            let mut bytes = meta().emit();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Meta::parse(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        let refused = |change: fn(&mut Expected)| {
            let mut expected = Expected::exactly(&meta().identity, 64 * 1024);
            meta().check(&expected).unwrap();
            change(&mut expected);
            meta().check(&expected).unwrap_err().to_string()
        };
        let texts = [
            refused(|e| e.exchange = Some("XOTH".into())),
            refused(|e| e.exchange_number = Some(-5)),
            refused(|e| e.node = Some(4)),
            refused(|e| e.schema_id = Some(2)),
            refused(|e| e.schema_version = Some(8)),
            refused(|e| e.term_bytes = Some(131_072)),
        ];
        assert_eq!(
            texts,
            [
                "the store's exchange is XISO, expected XOTH",
                "the store's exchange number is 1001, expected -5",
                "the store's node is 3, expected 4",
                "the store's schema id is 1, expected 2",
                "the store's schema version is 7, expected 8",
                "the store's term length is 65536, expected 131072",
            ]
        );
    }

    #[test]
    fn impossible_options_are_refused() {
        for (name, term_bytes) in [("", 65_536), ("a\0b", 65_536), ("X", 1_000)] {
            let identity = Identity { exchange: name.into(), ..meta().identity };
            assert!(Meta::new(&identity, term_bytes, Nanos(0)).is_err(), "{name:?} {term_bytes}");
        }
        let identity = Identity { exchange: "x".repeat(65), ..meta().identity };
        assert!(Meta::new(&identity, 65_536, Nanos(0)).is_err());
    }
}
