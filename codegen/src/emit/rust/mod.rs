//! Writes a Rust crate's `src/` from the model.
//!
//! One file per type and per message; `runtime.rs` is the same in every crate but for its
//! constants, so that a crate stands alone and shares nothing with another schema's.

mod members;
mod message;
mod parts;
mod runtime;
mod types;
mod union;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::emit::names;
use crate::format::{FormatError, rustfmt};
use crate::model::{Body, Schema};

/// What every crate has by these names, so that no schema may use them.
const RESERVED: [&str; 13] = [
    "Message",
    "MessageHeader",
    "DecodeError",
    "EncodeError",
    "SbeMessage",
    "FieldValue",
    "FieldVisitor",
    "Entries",
    "Self",
    "Option",
    "Result",
    "Some",
    "None",
];

/// Columns of a documentation comment without its indent.
const DOC_COLUMNS: usize = 88;

/// Why no crate was written.
#[derive(Debug)]
pub enum EmitError {
    /// Two things would have one name in Rust, or one of ours.
    Name(String),
    /// rustfmt failed.
    Format(FormatError),
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "the Rust name `{name}` would be there twice"),
            Self::Format(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EmitError {}

impl From<FormatError> for EmitError {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

/// The files of `src/`, formatted.
///
/// `root` is where they will stand: `crate`, or the path of a module such as `crate::old`.
///
/// # Errors
/// Names that Rust could not tell apart; a missing rustfmt.
pub fn generate(schema: &Schema, root: &str) -> Result<Vec<(PathBuf, String)>, EmitError> {
    check_names(schema)?;
    let mut files: Vec<(PathBuf, String)> = vec![
        ("lib.rs".into(), library(schema)),
        ("runtime.rs".into(), runtime::emit(schema)),
        ("message.rs".into(), union::emit(schema)),
    ];
    if schema.has_parts() {
        files.push(("parts.rs".into(), include_str!("parts.rs.in").to_owned()));
    }
    let kinds = types::emit(schema);
    let messages: Vec<_> = (schema.messages.iter())
        .map(|message| {
            let has_parts = message.body.has_parts();
            let emit = if has_parts { parts::emit } else { message::emit };
            (names::snake(&message.name), emit(schema, message))
        })
        .collect();
    let writers: Vec<_> = (schema.messages.iter())
        .filter(|message| !message.body.has_parts())
        .map(|message| (names::snake(&message.name), message::emit_writer(schema, message)))
        .collect();
    for (folder, what, parts) in [
        ("types", "enumerations, sets and composites", kinds),
        ("templates", "messages", messages),
        ("writers", "messages, written in place", writers),
    ] {
        if parts.is_empty() {
            continue;
        }
        files.push((format!("{folder}.rs").into(), module(&parts, what)));
        files.extend(
            parts.into_iter().map(|(name, text)| (PathBuf::from(folder).join(name + ".rs"), text)),
        );
    }
    let origin = schema.path.rsplit('/').next().unwrap_or_default();
    for (_, text) in &mut files {
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let marked = format!(
            "{first}\n//!\n//! @generated from {origin} by isochron-codegen; not to be \
            edited.\n{rest}"
        );
        *text = rustfmt(&marked.replace("crate::", &format!("{root}::")))?;
    }
    Ok(files)
}

fn check_names(schema: &Schema) -> Result<(), EmitError> {
    let types = (schema.enums.iter().map(|kind| &kind.name))
        .chain(schema.sets.iter().map(|kind| &kind.name))
        .chain(schema.composites.iter().map(|kind| &kind.name));
    let messages = schema.messages.iter().map(|message| &message.name);
    let mut seen: Vec<String> = RESERVED.iter().map(|&name| name.to_owned()).collect();
    for name in types.chain(messages) {
        seen.push(names::pascal(name));
    }
    for message in &schema.messages {
        seen.push(names::pascal(&message.name) + "Reader");
        seen.push(names::pascal(&message.name) + "Writer");
        for (_, entry) in parts::groups_below(&message.body, &names::pascal(&message.name)) {
            seen.push(entry.clone() + "Reader");
            seen.push(entry);
        }
    }
    unique(seen)?;
    for composite in &schema.composites {
        unique(composite.members.iter().map(|member| names::snake(&member.name)).collect())?;
    }
    for message in &schema.messages {
        check_body(&message.body)?;
    }
    for known in &schema.enums {
        let mut all: Vec<_> = known.values.iter().map(|v| names::upper(&v.name)).collect();
        all.push("ALL".to_owned());
        unique(all)?;
    }
    for known in &schema.sets {
        unique(known.choices.iter().map(|choice| names::upper(&choice.name)).collect())?;
    }
    Ok(())
}

fn check_body(body: &Body) -> Result<(), EmitError> {
    let names = (body.fields.iter().map(|field| &field.name))
        .chain(body.groups.iter().map(|group| &group.name))
        .chain(body.data.iter().map(|data| &data.name));
    unique(names.map(|name| names::snake(name)).collect())?;
    body.groups.iter().try_for_each(|group| check_body(&group.body))
}

fn unique(names: Vec<String>) -> Result<(), EmitError> {
    let mut counts = BTreeMap::new();
    for name in names {
        if counts.insert(name.clone(), ()).is_some() {
            return Err(EmitError::Name(name));
        }
    }
    Ok(())
}

fn library(schema: &Schema) -> String {
    let mut text = format!("//! The SBE messages of `{}`.\n//!\n", schema.package);
    text += &inner_doc(&schema.description);
    text += "//! A message is a plain struct with `encode` and `decode`; a `...Reader` looks at \
    single\n\
             //! fields in place, a `...Writer` sets them in place; `Message` is any of the \
             messages.\n\
             //! No bytes make any of them panic, and none allocates. An optional field that is \
             given its\n\
             //! null value is written as it is, and so reads as `None`.\n";
    if schema.has_parts() {
        text += "//!\n//! A message with groups or data is a struct that borrows them, to be \
                 written, and a\n//! `...Reader` that looks at all of them when it is made: after \
                 that nothing fails.\n";
    }
    text += "\nmod message;\n";
    text += if schema.has_parts() { "mod parts;\nmod runtime;\n" } else { "mod runtime;\n" };
    let has_types =
        !(schema.enums.is_empty() && schema.sets.is_empty() && schema.composites.is_empty());
    let has_writers = schema.messages.iter().any(|message| !message.body.has_parts());
    text += "mod templates;\n";
    text += if has_types { "mod types;\n" } else { "" };
    text += if has_writers { "mod writers;\n\n" } else { "\n" };
    text += "pub use message::Message;\n";
    text += if schema.has_parts() { "pub use parts::Entries;\n" } else { "" };
    text += "pub use runtime::{DecodeError, EncodeError, FieldValue, FieldVisitor, HEADER_LENGTH, \
             MessageHeader, SbeMessage};\npub use templates::*;\n";
    text += if has_types { "pub use types::*;\n" } else { "" };
    text += if has_writers { "pub use writers::*;\n" } else { "" };
    text += &format!(
        "\n/// The schema's number in every header.\npub const SCHEMA_ID: u16 = {};\n\n\
         /// The version of the schema that is written.\npub const SCHEMA_VERSION: u16 = {};\n",
        schema.id, schema.version
    );
    text
}

fn module(parts: &[(String, String)], what: &str) -> String {
    let mut text = format!("//! The schema's {what}.\n\n");
    for (name, _) in parts {
        text += &format!("mod {};\n", names::field(name));
    }
    text += "\n";
    for (name, _) in parts {
        text += &format!("pub use {}::*;\n", names::field(name));
    }
    text
}

/// `///` lines of `description`, or of `otherwise` where it is empty.
fn doc(description: &str, otherwise: &str) -> String {
    let text = if description.is_empty() { otherwise } else { description };
    wrapped(text, "///")
}

fn inner_doc(description: &str) -> String {
    if description.is_empty() { String::new() } else { wrapped(description, "//!") + "//!\n" }
}

fn wrapped(text: &str, mark: &str) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let word = word.replace('[', "\\[").replace('<', "\\<");
        if !line.is_empty() && line.len() + word.len() >= DOC_COLUMNS {
            lines += &format!("{mark}{line}\n");
            line.clear();
        }
        line += " ";
        line += &word;
    }
    lines + &format!("{mark}{line}\n")
}
