//! The part that is the same in every crate, but for what only blocks, or only groups and data,
//! need.

use crate::model::Schema;

/// What stands at each mark where a schema has groups or data.
const PARTS: [(&str, &str); 4] = [
    (
        "//@parts EntryTooShort",
        "/// The block of a group's entries ends before the fields that the version has.
        EntryTooShort {
            /// The group.
            group: &'static str,
            /// The version by which the message is read.
            version: u16,
            /// Bytes that the version's fields take.
            needed: usize,
            /// Bytes that the message names.
            block_length: usize,
        },",
    ),
    (
        "//@parts Self::EntryTooShort",
        "Self::EntryTooShort { group, version, needed, block_length } => write!(
            f,
            \"entries of {group}, version {version}, in blocks of {block_length} bytes, not \
             {needed}\"
        ),",
    ),
    (
        "//@parts PartTooLong",
        "/// A group has more entries, or data have more bytes, than the number before them says.
        PartTooLong {
            /// The group or the data.
            part: &'static str,
            /// Its entries or bytes.
            length: usize,
            /// As many as there can be.
            most: usize,
        },",
    ),
    (
        "//@parts Self::PartTooLong",
        "Self::PartTooLong { part, length, most } => {
            write!(f, \"{length} entries or bytes of {part}, more than {most}\")
        }",
    ),
];

/// How a message that is one block shows itself.
const DISPLAY: &str = r#"/// Writes a message's name and its fields, ` name=value` each.
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
"#;

/// The file `runtime.rs`.
pub(super) fn emit(schema: &Schema) -> String {
    let mut text = include_str!("runtime.rs.in").to_owned();
    for (mark, with_parts) in PARTS {
        text = text.replace(&format!("{mark}\n"), if schema.has_parts() { with_parts } else { "" });
    }
    let has_blocks = schema.messages.iter().any(|message| !message.body.has_parts());
    text.replace("//@blocks display\n", if has_blocks { DISPLAY } else { "" })
}
