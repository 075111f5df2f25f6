//! The message of groups and data with every kind of length, in its first version.

use super::{bytes, several};
use crate::groups0::{DecodeError, Parts, PartsHolder, PartsHolderInner, PartsPlain, PartsReader};
use crate::random::Random;
use crate::sbe_gen_groups as theirs;

/// An entry that holds others: key; values with their notes; blob.
pub type Holder = (u32, Vec<(u8, Vec<u8>)>, Vec<u8>);

/// A message that owns its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The field.
    pub amount: u32,
    /// The group of fields alone.
    pub plain: Vec<PartsPlain>,
    /// The group with a group and data.
    pub holder: Vec<Holder>,
    /// The data.
    pub text: Vec<u8>,
}

impl Owned {
    /// A message of any content.
    #[must_use]
    pub fn random(random: &mut Random) -> Self {
        let inner = |random: &mut Random| (random.value(), bytes(random, 254));
        Self {
            amount: random.value(),
            plain: several(random, 4, |random| PartsPlain {
                code: random.value(),
                size: random.value(),
            }),
            holder: several(random, 6, |random| {
                (random.value(), several(random, 4, inner), bytes(random, 300))
            }),
            text: bytes(random, 70_000),
        }
    }

    /// Its bytes by us.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let inner: Vec<Vec<PartsHolderInner<'_>>> = (self.holder.iter())
            .map(|(_, inner, _)| {
                inner.iter().map(|(value, note)| PartsHolderInner { value: *value, note }).collect()
            })
            .collect();
        let holder: Vec<_> = (self.holder.iter().zip(&inner))
            .map(|((key, _, blob), inner)| PartsHolder { key: *key, inner, blob })
            .collect();
        let (amount, plain, text) = (self.amount, &self.plain, &self.text);
        let message = Parts { amount, plain, holder: &holder, text };
        let mut buffer = vec![0xaa; message.encoded_length().expect("short parts")];
        assert_eq!(message.encode(&mut buffer), Ok(buffer.len()));
        buffer
    }

    /// What we read.
    ///
    /// # Errors
    /// The bytes are no such message.
    pub fn read(message: &[u8]) -> Result<Self, DecodeError> {
        let reader = PartsReader::new(message)?;
        let plain = reader.plain().map(|e| PartsPlain { code: e.code(), size: e.size() }).collect();
        let holder = reader.holder().map(|entry| {
            let inner = entry.inner().map(|inner| (inner.value(), inner.note().to_vec()));
            (entry.key(), inner.collect(), entry.blob().to_vec())
        });
        let (amount, text) = (reader.amount(), reader.text().to_vec());
        Ok(Self { amount, plain, holder: holder.collect(), text })
    }

    /// Its bytes by `sbe_gen`; the schema id in them is 0, a fault of its.
    ///
    /// # Panics
    /// A part is too long.
    #[must_use]
    pub fn encode_theirs(&self) -> Vec<u8> {
        let mut builder = theirs::parts::PartsBuilder::new();
        builder.amount(self.amount.into());
        let plain = builder.plain(|group| {
            for value in &self.plain {
                group.entry(|entry| {
                    entry.code(value.code).size(value.size.into());
                });
            }
        });
        assert!(plain.is_ok());
        let holder = builder.holder(|group| {
            for (key, inner, blob) in &self.holder {
                group.entry(|entry| {
                    let written = entry.key((*key).into()).inner(|group| {
                        for (value, note) in inner {
                            group.entry(|entry| {
                                entry.value(*value).note(note).expect("short");
                            });
                        }
                    });
                    assert!(written.is_ok());
                    entry.blob(blob).expect("short");
                });
            }
        });
        assert!(holder.is_ok());
        builder.text(&self.text).expect("short");
        builder.finish_with_header()
    }

    /// What `sbe_gen` reads, and how many bytes it leaves.
    #[must_use]
    pub fn read_theirs(message: &[u8]) -> Option<(Self, usize)> {
        let (header, body) = theirs::message_header::MessageHeader::parse_prefix(message)?;
        let (view, rest) = theirs::parts::parse_with_header(body, header)?;
        let group = theirs::parts::parse_plain(rest)?;
        let mut entries = group.iter();
        let mut plain = Vec::new();
        for entry in entries.by_ref() {
            plain.push(PartsPlain { code: *entry.code()?, size: entry.size()?.get() });
        }
        let group = theirs::parts::parse_holder(entries.remainder())?;
        let mut entries = group.iter();
        let mut holder = Vec::new();
        for entry in entries.by_ref() {
            let mut inner = Vec::new();
            for value in entry.inner.iter() {
                inner.push((*value.value()?, value.note.bytes.to_vec()));
            }
            holder.push((entry.key()?.get(), inner, entry.blob.bytes.to_vec()));
        }
        let (text, rest) = view.parse_text(entries.remainder())?;
        let (amount, text) = (view.amount_value()?, text.bytes.to_vec());
        Some((Self { amount, plain, holder, text }, rest.len()))
    }
}
