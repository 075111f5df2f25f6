//! What every message needs: the header, the errors, reading and writing at fixed places.
//!
//! @generated from cluster.xml by isochron-codegen; not to be edited.

use std::fmt;

use crate::{SCHEMA_ID, SCHEMA_VERSION};

/// Bytes of the header before every message.
pub const HEADER_LENGTH: usize = 8;

/// The eight bytes before every message (SBE 1.0, section 3), little endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageHeader {
    /// Bytes of the block that follows.
    pub block_length: u16,
    /// Which message.
    pub template_id: u16,
    /// Which schema.
    pub schema_id: u16,
    /// The version of the schema that the writer used.
    pub version: u16,
}

impl MessageHeader {
    /// Writes the header.
    #[inline]
    pub fn encode(&self, bytes: &mut [u8; HEADER_LENGTH]) {
        *bytes = self.to_bytes();
    }

    /// The header's bytes.
    #[inline]
    #[must_use]
    pub const fn to_bytes(self) -> [u8; HEADER_LENGTH] {
        let [a, b] = self.block_length.to_le_bytes();
        let [c, d] = self.template_id.to_le_bytes();
        let [e, f] = self.schema_id.to_le_bytes();
        let [g, h] = self.version.to_le_bytes();
        [a, b, c, d, e, f, g, h]
    }

    /// Reads a header; whether this schema has such a message is not looked at.
    ///
    /// # Errors
    /// Fewer than eight bytes.
    #[inline]
    pub const fn parse(message: &[u8]) -> Result<Self, DecodeError> {
        let Some(&[a, b, c, d, e, f, g, h]) = message.first_chunk() else {
            let available = message.len();
            return Err(DecodeError::MessageTooShort { needed: HEADER_LENGTH, available });
        };
        Ok(Self {
            block_length: u16::from_le_bytes([a, b]),
            template_id: u16::from_le_bytes([c, d]),
            schema_id: u16::from_le_bytes([e, f]),
            version: u16::from_le_bytes([g, h]),
        })
    }

    /// Checks that `message` is of this schema and of `template_id`, and cuts out its block.
    ///
    /// `lengths` are the bytes that the block has at least, by version.
    #[inline]
    pub(crate) fn open<'a>(
        message: &'a [u8],
        template_id: u16,
        lengths: &[usize; SCHEMA_VERSION as usize + 1],
    ) -> Result<(u16, &'a [u8]), DecodeError> {
        let header = Self::parse(message)?;
        if header.schema_id != SCHEMA_ID {
            return Err(DecodeError::SchemaUnknown { schema_id: header.schema_id });
        }
        if header.template_id != template_id {
            let expected = template_id;
            return Err(DecodeError::TemplateMismatch {
                expected,
                template_id: header.template_id,
            });
        }
        // A newer writer's block begins as ours does.
        let known = lengths.get(usize::from(header.version));
        let (acting_version, needed) = match known {
            Some(needed) => (header.version, *needed),
            None => (SCHEMA_VERSION, lengths[SCHEMA_VERSION as usize]),
        };
        let block_length = header.block_length;
        if usize::from(block_length) < needed {
            let version = header.version;
            return Err(DecodeError::BlockTooShort { template_id, version, needed, block_length });
        }
        let end = HEADER_LENGTH + usize::from(block_length);
        match message.get(HEADER_LENGTH..end) {
            Some(block) => Ok((acting_version, block)),
            None => Err(DecodeError::MessageTooShort { needed: end, available: message.len() }),
        }
    }
}

/// Why bytes are no message of this schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes end before the header or the block does.
    MessageTooShort {
        /// Bytes of header and block.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// The header names another schema.
    SchemaUnknown {
        /// The schema that it names.
        schema_id: u16,
    },
    /// The header names a message that this schema does not have.
    TemplateUnknown {
        /// The message that it names.
        template_id: u16,
    },
    /// The header names another message than the one asked for.
    TemplateMismatch {
        /// The message asked for.
        expected: u16,
        /// The message that it names.
        template_id: u16,
    },
    /// The block ends before the fields that its version has.
    BlockTooShort {
        /// The message.
        template_id: u16,
        /// The version that the header names.
        version: u16,
        /// Bytes that the version's fields take.
        needed: usize,
        /// Bytes that the header names.
        block_length: u16,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::MessageTooShort { needed, available } => {
                write!(f, "a message of {needed} bytes in {available}")
            }
            Self::SchemaUnknown { schema_id } => {
                write!(f, "schema {schema_id}, not {SCHEMA_ID}")
            }
            Self::TemplateUnknown { template_id } => {
                write!(f, "schema {SCHEMA_ID} has no template {template_id}")
            }
            Self::TemplateMismatch { expected, template_id } => {
                write!(f, "template {template_id}, not {expected}")
            }
            Self::BlockTooShort { template_id, version, needed, block_length } => write!(
                f,
                "template {template_id} of version {version} in a block of {block_length} bytes, \
                 not {needed}"
            ),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Why a message was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// The buffer is shorter than header and block; nothing was written.
    BufferTooShort {
        /// Bytes of header and block.
        needed: usize,
        /// Bytes of the buffer.
        available: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BufferTooShort { needed, available } => {
                write!(f, "a message of {needed} bytes into a buffer of {available}")
            }
        }
    }
}

impl std::error::Error for EncodeError {}

/// What all messages can do, for code that is generic over them.
pub trait SbeMessage: Copy {
    /// Which message.
    const TEMPLATE_ID: u16;
    /// Bytes of the block.
    const BLOCK_LENGTH: usize;
    /// Bytes of header and block.
    const ENCODED_LENGTH: usize;

    /// Writes header and block; returns their length.
    ///
    /// # Errors
    /// The buffer is too short.
    fn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError>;

    /// Reads header and block.
    ///
    /// # Errors
    /// The bytes are no such message.
    fn decode(message: &[u8]) -> Result<Self, DecodeError>;
}

/// The value of a field, for programs that print what they do not know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// An unsigned number, the bits of a set, or the code of an enumeration that has no name.
    U64(u64),
    /// A signed number.
    I64(i64),
    /// A float.
    F64(f64),
    /// Characters, without the zero bytes that pad them.
    Text(&'a str),
    /// Characters that are no text (not UTF-8, or more after a zero byte), and arrays of bytes.
    Bytes(&'a [u8]),
    /// The schema's name of an enumeration's value.
    Name(&'static str),
    /// There is no value.
    Null,
}

impl<'a> FieldValue<'a> {
    /// A field of characters.
    #[must_use]
    pub fn characters(bytes: &'a [u8]) -> Self {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let (text, padding) = bytes.split_at(end);
        match std::str::from_utf8(text) {
            Ok(text)
                if padding.iter().all(|byte| *byte == 0) && !text.contains(char::is_control) =>
            {
                Self::Text(text)
            }
            _ => Self::Bytes(bytes),
        }
    }
}

impl fmt::Display for FieldValue<'_> {
    /// As in a log line: bytes are hexadecimal, no value is `-`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U64(value) => write!(f, "{value}"),
            Self::I64(value) => write!(f, "{value}"),
            Self::F64(value) => write!(f, "{value}"),
            Self::Text(text) => f.write_str(text),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::Name(name) => f.write_str(name),
            Self::Null => f.write_str("-"),
        }
    }
}

/// Is given each field's name and value.
pub type FieldVisitor<'v> = dyn FnMut(&'static str, FieldValue<'_>) + 'v;

/// Writes a message's name and its fields, ` name=value` each.
pub(crate) fn display(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    fields: impl FnOnce(&mut FieldVisitor<'_>),
) -> fmt::Result {
    let mut result = f.write_str(name);
    fields(&mut |name, value| {
        if result.is_ok() {
            result = write!(f, " {name}={value}");
        }
    });
    result
}

/// The bytes at `OFFSET`. That they lie inside is checked when this is compiled.
#[inline(always)]
pub(crate) fn read<const OFFSET: usize, const SIZE: usize, const LENGTH: usize>(
    block: &[u8; LENGTH],
) -> [u8; SIZE] {
    const { assert!(OFFSET + SIZE <= LENGTH, "a field behind the end of its block") };
    let mut bytes = [0; SIZE];
    bytes.copy_from_slice(&block[OFFSET..OFFSET + SIZE]);
    bytes
}

/// Puts `bytes` at `OFFSET`. That they lie inside is checked when this is compiled.
#[inline(always)]
pub(crate) fn write<const OFFSET: usize, const SIZE: usize, const LENGTH: usize>(
    block: &mut [u8; LENGTH],
    bytes: [u8; SIZE],
) {
    const { assert!(OFFSET + SIZE <= LENGTH, "a field behind the end of its block") };
    block[OFFSET..OFFSET + SIZE].copy_from_slice(&bytes);
}
