//! Writes one message: the plain struct with its reader, and its writer.

use super::doc;
use super::members::{
    constant_items, imports, kind_type, member_type, read_member, visible, visit_members,
    write_member, write_members, write_nulls,
};
use super::types::{big_array, default_impl, field_doc, struct_fields};
use crate::emit::names;
use crate::model::{Body, Member, Message, Presence, Schema};

/// Bytes of the message header.
const HEADER: usize = 8;

/// The file of one message.
pub(super) fn emit(schema: &Schema, message: &Message) -> String {
    let name = names::pascal(&message.name);
    let uses = uses(&imports(schema, &message.body.fields));
    let fields: Vec<&Member> = visible(&message.body.fields).collect();
    let mut runtime =
        vec!["DecodeError", "EncodeError", "FieldVisitor", "MessageHeader", "SbeMessage", "self"];
    if !fields.is_empty() {
        runtime.push("FieldValue");
        runtime.push("read");
    }
    runtime.push("write");
    format!(
        "//! The message `{}`.\n\nuse std::fmt;\n\nuse crate::runtime::{{{}}};\n{uses}\
         use crate::{{SCHEMA_ID, SCHEMA_VERSION}};\n\n{}\n{}",
        message.name,
        runtime.join(", "),
        plain(schema, message, &name),
        reader(schema, message, &name),
    )
}

/// The file of its writer.
pub(super) fn emit_writer(schema: &Schema, message: &Message) -> String {
    let name = names::pascal(&message.name);
    let has_fields = visible(&message.body.fields).next().is_some();
    let writer = writer(schema, message, &name);
    // A constant has no place in a message, so that its type is not written.
    let mut used = imports(schema, &message.body.fields);
    used.retain(|name| mentions(&writer, name));
    format!(
        "//! The message `{}`, written in place.\n\n\
         use crate::runtime::{{EncodeError{}}};\nuse crate::templates::{name};\n{}\n{}",
        message.name,
        if has_fields { ", write" } else { "" },
        uses(&used),
        writer,
    )
}

/// Whether a text has a name as a word of its own.
fn mentions(text: &str, name: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    text.split(|character| !is_word(character)).any(|word| word == name)
}

/// The schema's types that a message has.
fn uses(used: &[String]) -> String {
    if used.is_empty() {
        String::new()
    } else {
        format!("use crate::types::{{{}}};\n", used.join(", "))
    }
}

/// Bytes that the block has at least, by version.
pub(super) fn lengths(schema: &Schema, body: &Body) -> Vec<usize> {
    (0..=schema.version).map(|version| schema.block_length_at(body, version)).collect()
}

fn plain(schema: &Schema, message: &Message, name: &str) -> String {
    let members = &message.body.fields;
    let equality = if schema.members_hold_float(members) { "PartialEq" } else { "PartialEq, Eq" };
    let writes = write_members(schema, members, "self", HEADER, message.body.block_length);
    let reads: String = visible(members)
        .map(|field| {
            let value = read_member(schema, field, HEADER + field.offset, "block");
            let never_null = field.since > 0 && !matches!(field.presence, Presence::Optional(_));
            let value = if never_null { format!("Some({value})") } else { value };
            format!("{}: {value},\n", names::field(&field.name))
        })
        .collect();
    let unused = if reads.is_empty() { "_block" } else { "block" };
    let visits = visit_members(schema, members, "self", "");
    let visitor = if visits.is_empty() { "_visit" } else { "visit" };
    format!(
        "{description}#[derive(Clone, Copy, Debug, {default}{equality})]\n\
         pub struct {name} {{\n{fields}}}\n\n{default_impl}\
         impl {name} {{\n\
         /// Which message.\npub const TEMPLATE_ID: u16 = {id};\n\
         /// Bytes of the block.\npub const BLOCK_LENGTH: usize = {block};\n\
         /// Bytes of header and block.\npub const ENCODED_LENGTH: usize = {encoded};\n\n\
         /// The header that this version writes.\n\
         pub(crate) const HEADER: [u8; 8] = MessageHeader {{\n\
         block_length: {block},\ntemplate_id: Self::TEMPLATE_ID,\nschema_id: SCHEMA_ID,\n\
         version: SCHEMA_VERSION,\n}}.to_bytes();\n\n{constants}\
         /// Writes header and block; returns their length.\n///\n\
         /// # Errors\n/// The buffer is too short; nothing was written then.\n#[inline]\n\
         pub fn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {{\n\
         let available = buffer.len();\n\
         let Some(block) = buffer.first_chunk_mut::<{{ Self::ENCODED_LENGTH }}>() else {{\n\
         let needed = Self::ENCODED_LENGTH;\n\
         return Err(EncodeError::BufferTooShort {{ needed, available }});\n}};\n\
         write::<0, 8, _>(block, Self::HEADER);\n{writes}Ok(Self::ENCODED_LENGTH)\n}}\n\n\
         /// Reads header and block. A longer block's end is skipped; what an older writer did \
         not\n\
         /// know is `None`.\n///\n\
         /// # Errors\n/// The bytes are no such message, or end before it does.\n#[inline]\n\
         pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {{\n\
         match message.first_chunk::<{{ Self::ENCODED_LENGTH }}>() {{\n\
         Some(whole) if whole.starts_with(&Self::HEADER) => Ok(Self::from_whole(whole)),\n\
         _ => {name}Reader::new(message).map(|reader| reader.read()),\n}}\n}}\n\n\
         /// The message in bytes whose header is exactly ours.\n#[inline]\n\
         fn from_whole({unused}: &[u8; Self::ENCODED_LENGTH]) -> Self {{\nSelf {{ {reads} \
         }}\n}}\n\n\
         /// Gives each field's name and value to `visit`, in wire order; those of a composite \
         are\n\
         /// named after it, as in `header.sequence`.\n\
         pub fn fields(&self, {visitor}: &mut FieldVisitor<'_>) {{\n{visits}}}\n}}\n\n\
         impl SbeMessage for {name} {{\n\
         const TEMPLATE_ID: u16 = Self::TEMPLATE_ID;\n\
         const BLOCK_LENGTH: usize = Self::BLOCK_LENGTH;\n\
         const ENCODED_LENGTH: usize = Self::ENCODED_LENGTH;\n\n\
         #[inline]\nfn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {{\n\
         self.encode(buffer)\n}}\n\n\
         #[inline]\nfn decode(message: &[u8]) -> Result<Self, DecodeError> {{\n\
         Self::decode(message)\n}}\n}}\n\n\
         impl fmt::Display for {name} {{\n\
         fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {{\n\
         runtime::display(f, {label:?}, |visit| self.fields(visit))\n}}\n}}\n",
        description = doc(&message.description, &format!("The message `{}`.", message.name)),
        default = if big_array(members) { "" } else { "Default, " },
        fields = struct_fields(schema, members),
        default_impl = default_impl(schema, name, members, ""),
        id = message.id,
        block = message.body.block_length,
        encoded = HEADER + message.body.block_length,
        constants = constant_items(schema, members),
        label = message.name,
    )
}

fn reader(schema: &Schema, message: &Message, name: &str) -> String {
    let fixed = schema.block_length_at(&message.body, 0);
    let newer = visible(&message.body.fields).any(|field| field.since > 0);
    let (block_field, block_doc) = if newer {
        ("block: &'a [u8],\n", "/// The whole block, as long as its version has it.\n")
    } else {
        ("", "")
    };
    // A message of newer fields only, or of none, never looks into the fixed part.
    let old = visible(&message.body.fields).any(|field| field.since == 0);
    let fixed_name = if old { "fixed" } else { "_fixed" };
    let getters: String =
        visible(&message.body.fields).map(|field| getter(schema, field)).collect();
    let reads: String = visible(&message.body.fields)
        .map(|field| {
            format!("{}: self.{}(),\n", names::field(&field.name), names::view_method(&field.name))
        })
        .collect();
    let all_lengths = lengths(schema, &message.body);
    format!(
        "/// Reads single fields of a [`{name}`] in place.\n\
         #[derive(Clone, Copy, Debug)]\npub struct {name}Reader<'a> {{\n\
         /// The fields that every version has.\n{fixed_name}: &'a [u8; {fixed}],\n\
         {block_doc}{block_field}acting_version: u16,\n}}\n\n\
         impl<'a> {name}Reader<'a> {{\n\
         /// Looks at header and lengths, once; no getter can fail after that.\n///\n\
         /// # Errors\n/// The bytes are no such message, or end before it does.\n#[inline]\n\
         pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {{\n\
         let lengths = {all_lengths:?};\n\
         let (acting_version, block) =\n\
         MessageHeader::open(message, {name}::TEMPLATE_ID, &lengths)?;\n\
         let Some(fixed) = block.first_chunk() else {{\n\
         let needed = {name}::ENCODED_LENGTH;\n\
         return Err(DecodeError::MessageTooShort {{ needed, available: message.len() }});\n}};\n\
         Ok(Self {{ {fixed_init}, {block_init}acting_version }})\n}}\n\n\
         /// The version by which the block is read: the writer's, or ours where the writer's is\n\
         /// newer.\n#[inline]\n#[must_use]\n\
         pub const fn acting_version(&self) -> u16 {{ self.acting_version }}\n\n\
         /// All fields.\n#[inline]\n#[must_use]\n\
         pub fn read(&self) -> {name} {{\n{name} {{ {reads} }}\n}}\n\n{getters}}}\n",
        fixed_init = if old { "fixed" } else { "_fixed: fixed" },
        block_init = if newer { "block, " } else { "" },
    )
}

/// The method of a reader that gives a field.
pub(super) fn getter(schema: &Schema, field: &Member) -> String {
    let method = names::view_method(&field.name);
    let head = format!(
        "{}#[inline]\n#[must_use]\npub fn {method}(&self) -> {} {{\n",
        field_doc(schema, field),
        member_type(schema, field)
    );
    if field.since == 0 {
        return head + &read_member(schema, field, field.offset, "self.fixed") + "\n}\n\n";
    }
    let value = read_member(schema, field, field.offset, "block");
    let optional = matches!(field.presence, Presence::Optional(_));
    let value = if optional { value } else { format!("Some({value})") };
    let end = field.offset + schema.member_size(field);
    head + &format!(
        "if self.acting_version < {since} {{ return None; }}\n\
         let block = self.block.first_chunk::<{end}>()?;\n{value}\n}}\n\n",
        since = field.since
    )
}

fn writer(schema: &Schema, message: &Message, name: &str) -> String {
    let block_length = message.body.block_length;
    let nulls = write_nulls(schema, &message.body.fields, 0);
    let setters: String =
        visible(&message.body.fields).map(|field| setter(schema, field)).collect();
    format!(
        "/// Writes single fields of a [`{name}`] in place.\n\
         #[derive(Debug)]\npub struct {name}Writer<'a> {{\n{block_name}: &'a mut [u8; \
         {block_length}],\n}}\n\n\
         impl<'a> {name}Writer<'a> {{\n\
         /// Writes the header and a block without values: optional fields are null, others \
         zero.\n///\n\
         /// # Errors\n/// The buffer is too short; nothing was written then.\n#[inline]\n\
         pub fn new(buffer: &'a mut [u8]) -> Result<Self, EncodeError> {{\n\
         let available = buffer.len();\n\
         let needed = {name}::ENCODED_LENGTH;\n\
         let parts = buffer.split_first_chunk_mut::<8>();\n\
         let parts = parts.and_then(|(header, rest)| Some((header, rest.first_chunk_mut()?)));\n\
         let Some((header, block)) = parts else {{\n\
         return Err(EncodeError::BufferTooShort {{ needed, available }});\n}};\n\
         *header = {name}::HEADER;\n*block = [0; {block_length}];\n{nulls}\
         Ok(Self {{ {block_init} }})\n}}\n\n{setters}}}\n",
        block_name = if setters.is_empty() { "_block" } else { "block" },
        block_init = if setters.is_empty() { "_block: block" } else { "block" },
    )
}

fn setter(schema: &Schema, field: &Member) -> String {
    let optional = matches!(field.presence, Presence::Optional(_));
    let kind = kind_type(schema, field.kind);
    let kind = if optional { format!("Option<{kind}>") } else { kind };
    let writes = write_member(schema, field, "value", field.offset, optional);
    format!(
        "{}#[inline]\npub fn {}(&mut self, value: {kind}) -> &mut Self {{\n\
         let block = &mut *self.block;\n{writes}self\n}}\n\n",
        field_doc(schema, field),
        names::view_method(&field.name)
    )
}
