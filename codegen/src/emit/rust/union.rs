//! Writes the enum over all messages of a schema.

use super::members::{kind_type, visible};
use super::types::field_doc;
use crate::emit::names;
use crate::model::{Kind, Member, Schema};

/// Columns of a line.
const COLUMNS_MAX: usize = 96;

/// The file of the enum.
pub(super) fn emit(schema: &Schema) -> String {
    if schema.has_parts() { readers(schema) } else { structs(schema) }
}

/// Where messages have groups or data, what is decoded borrows them.
fn readers(schema: &Schema) -> String {
    let mut variants = String::new();
    let mut decodes = String::new();
    let mut ids = String::new();
    let mut labels = String::new();
    let mut used = Vec::new();
    for message in &schema.messages {
        let name = names::pascal(&message.name);
        let otherwise = format!("The message `{}`.", message.name);
        variants += &super::doc(&message.description, &otherwise);
        let (kind, read) = if message.body.has_parts() {
            used.push(name.clone());
            (format!("{name}Reader"), "new")
        } else {
            (name.clone(), "decode")
        };
        let borrows = if message.body.has_parts() { "<'a>" } else { "" };
        variants += &format!("{name}({kind}{borrows}),\n");
        decodes += &format!("{name}::TEMPLATE_ID => {kind}::{read}(message).map(Self::{name}),\n");
        ids += &format!("Self::{name}(_) => {name}::TEMPLATE_ID,\n");
        labels += &format!("Self::{name}(_) => {:?},\n", message.name);
        used.push(kind);
    }
    format!(
        "//! Any message of the schema.\n\n\
         use crate::runtime::{{DecodeError, MessageHeader}};\n\
         use crate::templates::{{{all}}};\nuse crate::SCHEMA_ID;\n\n\
         /// Any message of the schema, to be read.\n\
         #[derive(Clone, Debug)]\npub enum Message<'a> {{\n{variants}}}\n\n\
         impl<'a> Message<'a> {{\n\
         /// Reads a message, by what its header says.\n///\n\
         /// # Errors\n/// The bytes are no message of this schema, or end before it does.\n\
         pub fn decode(message: &'a [u8]) -> Result<Self, DecodeError> {{\n{find}\
         match header.template_id {{\n{decodes}\
         template_id => Err(DecodeError::TemplateUnknown {{ template_id }}),\n}}\n}}\n\n\
         /// Which message.\n#[must_use]\n\
         pub const fn template_id(&self) -> u16 {{\nmatch self {{\n{ids}}}\n}}\n\n\
         /// The schema's name of the message.\n#[must_use]\n\
         pub const fn name(&self) -> &'static str {{\nmatch self {{\n{labels}}}\n}}\n}}\n",
        all = used.join(", "),
        find = FIND,
    )
}

/// How `decode` begins.
const FIND: &str = "let header = MessageHeader::parse(message)?;\n\
                    if header.schema_id != SCHEMA_ID {\n\
                    return Err(DecodeError::SchemaUnknown { schema_id: header.schema_id });\n}\n";

/// Where every message is a block, what is decoded is the messages' structs.
fn structs(schema: &Schema) -> String {
    let names: Vec<String> = schema.messages.iter().map(|m| names::pascal(&m.name)).collect();
    let every =
        |arm: &dyn Fn(&str) -> String| names.iter().map(|name| arm(name)).collect::<String>();
    let each = |what: &str| every(&|name| format!("Self::{name}(message) => {what},\n"));
    let equality = if schema.messages.iter().any(|m| schema.members_hold_float(&m.body.fields)) {
        "PartialEq"
    } else {
        "PartialEq, Eq"
    };
    let variants: String = (schema.messages.iter().zip(&names))
        .map(|(message, name)| {
            let otherwise = format!("The message `{}`.", message.name);
            format!("{}{name}({name}),\n", super::doc(&message.description, &otherwise))
        })
        .collect();
    let labels: String = (schema.messages.iter().zip(&names))
        .map(|(message, name)| format!("Self::{name}(_) => {:?},\n", message.name))
        .collect();
    let longest = schema.messages.iter().map(|m| m.body.block_length).max().unwrap_or(0) + 8;
    format!(
        "//! Any message of the schema.\n\nuse std::fmt;\n\n\
         use crate::runtime::{{DecodeError, EncodeError, FieldVisitor, MessageHeader, SbeMessage}};\n\
         use crate::templates::{{{all}}};\n{uses}use crate::SCHEMA_ID;\n\n\
         /// Any message of the schema.\n\
         #[derive(Clone, Copy, Debug, {equality})]\n\
         pub enum Message {{\n{variants}}}\n\n\
         impl Message {{\n\
         /// Bytes of header and block of the longest message.\n\
         pub const ENCODED_LENGTH_MAX: usize = {longest};\n\n\
         /// Reads header and block, by what the header says.\n///\n\
         /// # Errors\n/// The bytes are no message of this schema, or end before it does.\n\
         pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {{\n\
         {find}match header.template_id {{\n{decodes}\
         template_id => Err(DecodeError::TemplateUnknown {{ template_id }}),\n}}\n}}\n\n\
         /// Writes header and block; returns their length.\n///\n\
         /// # Errors\n/// The buffer is too short; nothing was written then.\n\
         pub fn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {{\n\
         match self {{\n{encodes}}}\n}}\n\n\
         /// Which message.\n#[must_use]\n\
         pub const fn template_id(&self) -> u16 {{\nmatch self {{\n{ids}}}\n}}\n\n\
         /// Bytes of header and block.\n#[must_use]\n\
         pub const fn encoded_length(&self) -> usize {{\nmatch self {{\n{lengths}}}\n}}\n\n\
         /// The schema's name of the message.\n#[must_use]\n\
         pub const fn name(&self) -> &'static str {{\nmatch self {{\n{labels}}}\n}}\n\n\
         /// Gives each field's name and value to `visit`, in wire order; those of a composite \
         are\n\
         /// named after it, as in `header.sequence`.\n\
         pub fn fields(&self, visit: &mut FieldVisitor<'_>) {{\nmatch self {{\n{visits}}}\n}}\n\n\
         {shared}}}\n\n\
         impl fmt::Display for Message {{\n\
         /// The message's name, then ` name=value` for each field.\n\
         fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {{\nmatch self \
         {{\n{displays}}}\n}}\n}}\n\n\
         /// A message of its own becomes any message.\n\
         macro_rules! conversions {{\n    \
         ($($name:ident),*) => {{\n        \
         $(impl From<$name> for Message {{\n            \
         fn from(message: $name) -> Self {{\n                \
         Self::$name(message)\n            }}\n        }})*\n    }};\n}}\n\n\
         conversions! {{\n{conversions}\n}}\n\n\
         fn read<M: SbeMessage + Into<Message>>(message: &[u8]) -> Result<Message, DecodeError> \
         {{\nM::decode(message).map(Into::into)\n}}\n",
        all = names.join(", "),
        conversions = rows(&names),
        find = FIND,
        uses = uses(schema),
        decodes = every(&|name| { format!("{name}::TEMPLATE_ID => read::<{name}>(message),\n") }),
        encodes = each("message.encode(buffer)"),
        ids = every(&|name| format!("Self::{name}(_) => {name}::TEMPLATE_ID,\n")),
        lengths = every(&|name| format!("Self::{name}(_) => {name}::ENCODED_LENGTH,\n")),
        visits = each("message.fields(visit)"),
        displays = each("message.fmt(f)"),
        shared =
            shared(schema).iter().map(|field| accessors(schema, field, &each)).collect::<String>(),
    )
}

/// The names, several in a line: rustfmt leaves a macro's arguments as they are.
fn rows(names: &[String]) -> String {
    let mut rows = String::new();
    let mut column = COLUMNS_MAX;
    for name in names {
        if column + name.len() + 2 > COLUMNS_MAX {
            rows.push_str(if rows.is_empty() { "    " } else { "\n    " });
            column = 4;
        } else {
            rows.push(' ');
            column += 1;
        }
        rows += name;
        rows.push(',');
        column += name.len() + 1;
    }
    rows.trim_end_matches(',').to_owned()
}

/// The fields with which all messages begin.
fn shared(schema: &Schema) -> Vec<&Member> {
    let Some((first, others)) = schema.messages.split_first() else { return Vec::new() };
    let same = |a: &Member, b: &Member| {
        a.name == b.name && a.kind == b.kind && a.presence == b.presence && a.since == b.since
    };
    let mut fields: Vec<&Member> = visible(&first.body.fields).collect();
    for other in others {
        let common =
            fields.iter().zip(visible(&other.body.fields)).take_while(|(a, b)| same(a, b)).count();
        fields.truncate(common);
    }
    fields.retain(|field| field.since == 0 && !super::members::is_option(field));
    fields
}

fn accessors(schema: &Schema, field: &Member, each: &dyn Fn(&str) -> String) -> String {
    let (place, method) = (names::field(&field.name), names::union_method(&field.name));
    let kind = kind_type(schema, field.kind);
    let description = field_doc(schema, field);
    if matches!(field.kind, Kind::Composite(_)) {
        return format!(
            "{description}#[must_use]\npub const fn {method}(&self) -> &{kind} {{\nmatch self \
            {{\n{}}}\n}}\n\n\
             /// The same, to be changed.\n\
             pub const fn {method}_mut(&mut self) -> &mut {kind} {{\nmatch self {{\n{}}}\n}}\n\n",
            each(&format!("&message.{place}")),
            each(&format!("&mut message.{place}"))
        );
    }
    format!(
        "{description}#[must_use]\npub const fn {method}(&self) -> {kind} {{\nmatch self \
        {{\n{}}}\n}}\n\n\
         /// Changes `{place}`.\n\
         pub const fn set_{place}(&mut self, value: {kind}) {{\nmatch self {{\n{}}}\n}}\n\n",
        each(&format!("message.{place}")),
        each(&format!("message.{place} = value"))
    )
}

fn uses(schema: &Schema) -> String {
    let kinds: Vec<String> = shared(schema)
        .iter()
        .filter(|field| !matches!(field.kind, Kind::Scalar(_) | Kind::Array(..)))
        .map(|field| kind_type(schema, field.kind))
        .collect();
    if kinds.is_empty() {
        String::new()
    } else {
        format!("use crate::types::{{{}}};\n", kinds.join(", "))
    }
}
