//! Writes a message that has groups or data: what is written, and what reads it.
//!
//! Written is a struct that borrows its parts, so that wire order and completeness come from its
//! shape. Read is in place: everything is looked at once, when the reader is made.

use super::doc;
use super::members::{constant_items, imports, visible, write_members};
use super::message::{getter, lengths};
use super::types::{big_array, default_impl, struct_fields};
use crate::emit::names;
use crate::model::{Body, Counter, Data, Dimension, Group, Message, Schema};

/// Fields of a reader that are no part of the message.
const READER_FIELDS: [&str; 4] = ["fixed", "block", "acting_version", "length"];

/// The file of one message.
pub(super) fn emit(schema: &Schema, message: &Message) -> String {
    let name = names::pascal(&message.name);
    let mut used = Vec::new();
    let mut has_fields = false;
    collect(schema, &message.body, &mut used, &mut has_fields);
    used.sort();
    used.dedup();
    let uses = if used.is_empty() {
        String::new()
    } else {
        format!("use crate::types::{{{}}};\n", used.join(", "))
    };
    let (read, entries) = (
        if has_fields { ", read, write" } else { "" },
        if message.body.groups.is_empty() { "self" } else { "self, Entries" },
    );
    let mut text = format!(
        "//! The message `{}`.\n\nuse crate::parts::{{{entries}}};\n\
         use crate::runtime::{{DecodeError, EncodeError, MessageHeader{read}}};\n{uses}\
         use crate::{{SCHEMA_ID, SCHEMA_VERSION}};\n\n",
        message.name
    );
    let words = doc(&message.description, &format!("The message `{}`.", message.name));
    text += &constants(&message.body, &name);
    text += &plain(schema, &message.body, &name, &words);
    text += &header(message, &name);
    text += &message_reader(schema, message, &name);
    for (group, name) in groups_below(&message.body, &name) {
        let otherwise = format!("An entry of the group `{}`.", group.name);
        text += &constants(&group.body, &name);
        text += &plain(schema, &group.body, &name, &doc(&group.description, &otherwise));
        text += &entry_reader(schema, group, &name);
    }
    text
}

/// The types that fields here and below name, and whether there are fields.
fn collect(schema: &Schema, body: &Body, used: &mut Vec<String>, has_fields: &mut bool) {
    used.extend(imports(schema, &body.fields));
    *has_fields |= visible(&body.fields).next().is_some();
    for group in &body.groups {
        collect(schema, &group.body, used, has_fields);
    }
}

/// Every group in `body` with the name of its entries in Rust: after all that holds it.
pub(super) fn groups_below<'s>(body: &'s Body, name: &str) -> Vec<(&'s Group, String)> {
    let mut found = Vec::new();
    for group in &body.groups {
        let name = name.to_owned() + &names::pascal(&group.name);
        let below = groups_below(&group.body, &name);
        found.push((group, name));
        found.extend(below);
    }
    found
}

fn counter(counter: Counter) -> String {
    let (offset, size, most) = (counter.offset, counter.primitive.size(), counter.most);
    format!("parts::Counter {{ offset: {offset}, size: {size}, most: {most} }}")
}

fn constant(owner: &str, part: &str) -> String {
    format!("{}_{}", names::upper(owner), names::upper(part))
}

/// How the sizes of the body's parts stand on the wire.
fn constants(body: &Body, name: &str) -> String {
    let mut text = String::new();
    for group in &body.groups {
        let Dimension { block_length, count, length } = group.dimension;
        text += &format!(
            "/// What stands before the entries of `{}`.\n\
             const {}: parts::Dimension = parts::Dimension {{ block_length: {}, count: {}, \
             length: {length} }};\n\n",
            group.name,
            constant(name, &group.name),
            counter(block_length),
            counter(count),
        );
    }
    for data in &body.data {
        text += &format!(
            "/// What stands before the bytes of `{}`.\nconst {}: parts::Counter = {};\n\n",
            data.name,
            constant(name, &data.name),
            counter(data.length),
        );
    }
    text
}

fn lifetime(body: &Body, lifetime: &str) -> String {
    if body.has_parts() { format!("<{lifetime}>") } else { String::new() }
}

/// The struct that is written, and how.
fn plain(schema: &Schema, body: &Body, name: &str, words: &str) -> String {
    let (borrows, elided) = (lifetime(body, "'a"), lifetime(body, "'_"));
    let mut fields = struct_fields(schema, &body.fields);
    let mut lengths = String::new();
    let mut puts = String::new();
    let mut defaults = String::new();
    for group in &body.groups {
        let (field, entry) =
            (names::field(&group.name), name.to_owned() + &names::pascal(&group.name));
        let (label, dimension) = (&group.name, constant(name, &group.name));
        let borrows = lifetime(&group.body, "'a");
        fields += &format!("{}pub {field}: &'a [{entry}{borrows}],\n", group_doc(group));
        lengths += &format!(
            ".saturating_add(parts::group_length({label:?}, &{dimension}, self.{field})?)"
        );
        puts += &format!("output.group(&{dimension}, self.{field})?;\n");
        defaults += &format!("{field}: &[], ");
    }
    for data in &body.data {
        let (field, label) = (names::field(&data.name), &data.name);
        let length = constant(name, &data.name);
        fields += &format!("{}pub {field}: &'a [u8],\n", data_doc(data));
        lengths +=
            &format!(".saturating_add(parts::data_length({label:?}, {length}, self.{field})?)");
        puts += &format!("output.data({length}, self.{field})?;\n");
        defaults += &format!("{field}: &[], ");
    }
    let equality = if schema.body_holds_float(body) { "PartialEq" } else { "PartialEq, Eq" };
    let writes = write_members(schema, &body.fields, "self", 0, body.block_length);
    let block = if writes.is_empty() { "_block" } else { "block" };
    let length = body.block_length;
    format!(
        "{words}#[derive(Clone, Copy, Debug, {default}{equality})]\n\
         pub struct {name}{borrows} {{\n{fields}}}\n\n{default_impl}{constants}\
         impl parts::Write for {name}{elided} {{\n\
         const BLOCK_LENGTH: usize = {length};\n\n\
         fn length(&self) -> Result<usize, EncodeError> {{\nOk({length}_usize{lengths})\n}}\n\n\
         fn put(&self, output: &mut parts::Output<'_>) -> Option<()> {{\n\
         let {block} = output.block::<{length}>()?;\n{writes}{puts}Some(())\n}}\n}}\n\n",
        default = if big_array(&body.fields) { "" } else { "Default, " },
        default_impl = default_impl(schema, &format!("{name}{elided}"), &body.fields, &defaults),
        constants = body_constants(schema, body, &format!("{name}{elided}")),
    )
}

/// The constants among the body's fields.
fn body_constants(schema: &Schema, body: &Body, name: &str) -> String {
    let items = constant_items(schema, &body.fields);
    if items.is_empty() { items } else { format!("impl {name} {{\n{items}}}\n\n") }
}

fn group_doc(group: &Group) -> String {
    since_doc(doc(&group.description, &format!("The group `{}`.", group.name)), group.since)
}

fn data_doc(data: &Data) -> String {
    let what = if data.is_text { "text" } else { "bytes" };
    since_doc(doc(&data.description, &format!("The {what} `{}`.", data.name)), data.since)
}

fn since_doc(text: String, since: u16) -> String {
    if since == 0 { text } else { text + &format!("/// Since version {since}.\n") }
}

/// What a message has and an entry has not: the header.
fn header(message: &Message, name: &str) -> String {
    format!(
        "impl {name}<'_> {{\n\
         /// Which message.\npub const TEMPLATE_ID: u16 = {id};\n\
         /// Bytes of the block.\npub const BLOCK_LENGTH: usize = {block};\n\n\
         /// The header that this version writes.\n\
         const HEADER: [u8; 8] = MessageHeader {{\n\
         block_length: {block},\ntemplate_id: Self::TEMPLATE_ID,\nschema_id: SCHEMA_ID,\n\
         version: SCHEMA_VERSION,\n}}.to_bytes();\n\n\
         /// Bytes of header, block and parts.\n///\n\
         /// # Errors\n/// A part is longer than the bytes before it can say.\n\
         pub fn encoded_length(&self) -> Result<usize, EncodeError> {{\n\
         Ok(Self::HEADER.len().saturating_add(parts::Write::length(self)?))\n}}\n\n\
         /// Writes header, block and parts; returns their length.\n///\n\
         /// # Errors\n/// The buffer is too short, or a part is too long; nothing was written \
         then.\n\
         pub fn encode(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {{\n\
         let (needed, available) = (self.encoded_length()?, buffer.len());\n\
         let error = EncodeError::BufferTooShort {{ needed, available }};\n\
         let buffer = buffer.get_mut(..needed).ok_or(error)?;\n\
         let mut output = parts::Output::new(buffer);\n\
         *output.block().ok_or(error)? = Self::HEADER;\n\
         parts::Write::put(self, &mut output).ok_or(error)?;\n\
         Ok(needed)\n}}\n}}\n\n",
        id = message.id,
        block = message.body.block_length,
    )
}

/// The parts of a reader: its fields, how they are found, how they are shown.
struct ReaderParts {
    fields: String,
    finds: String,
    names: String,
    getters: String,
}

fn reader_parts(body: &Body, name: &str) -> ReaderParts {
    let mut parts = ReaderParts {
        fields: String::new(),
        finds: String::new(),
        names: String::new(),
        getters: String::new(),
    };
    let mut add = |part: &str, kind: &str, find: String, words: String, copy: &str| {
        let field = names::method(part, &READER_FIELDS);
        parts.fields += &format!("{field}: {kind},\n");
        parts.finds += &format!("let {field} = {find};\n");
        parts.names += &format!("{field}, ");
        parts.getters += &format!(
            "{words}#[inline]\n#[must_use]\npub fn {}(&self) -> {kind} {{ self.{field}{copy} \
             }}\n\n",
            names::view_method(part),
        );
    };
    for group in &body.groups {
        let reader = format!("{name}{}Reader", names::pascal(&group.name));
        let find = format!("cursor.group(&{}, {})?", constant(name, &group.name), group.since);
        let mut words = group_doc(group);
        if group.since > 0 {
            words += "/// Older writers have no entries.\n";
        }
        add(&group.name, &format!("Entries<'a, {reader}<'a>>"), find, words, ".clone()");
    }
    for data in &body.data {
        let find = format!("cursor.data({}, {})?", constant(name, &data.name), data.since);
        let mut words = data_doc(data);
        if data.since > 0 {
            words += "/// `None`: older writers have none.\n";
            add(&data.name, "Option<&'a [u8]>", find, words, "");
        } else {
            add(&data.name, "&'a [u8]", find + ".unwrap_or_default()", words, "");
        }
    }
    parts
}

/// What both readers have of a block: its fields, their values in a literal, its getters.
fn reader_block(schema: &Schema, body: &Body) -> (String, String, String, String) {
    let fixed = schema.block_length_at(body, 0);
    let old = visible(&body.fields).any(|field| field.since == 0);
    let newer = visible(&body.fields).any(|field| field.since > 0);
    let mut fields = String::new();
    let mut values = String::new();
    let mut finds = String::new();
    if old {
        fields += &format!("/// The fields that every version has.\nfixed: &'a [u8; {fixed}],\n");
        finds += "let fixed = cursor.fixed(block)?;\n";
        values += "fixed, ";
    }
    if newer {
        fields += "/// The whole block, as long as its version has it.\nblock: &'a [u8],\n";
        values += "block, ";
    }
    let getters = visible(&body.fields).map(|field| getter(schema, field)).collect();
    (fields, values, finds, getters)
}

fn message_reader(schema: &Schema, message: &Message, name: &str) -> String {
    let body = &message.body;
    let (block_fields, block_values, finds, getters) = reader_block(schema, body);
    let parts = reader_parts(body, name);
    let block = if block_values.is_empty() { "_block" } else { "block" };
    format!(
        "/// Reads a [`{name}`] in place.\n\
         #[derive(Clone, Debug)]\npub struct {name}Reader<'a> {{\n\
         {block_fields}{part_fields}acting_version: u16,\nlength: usize,\n}}\n\n\
         impl<'a> {name}Reader<'a> {{\n\
         /// Looks at header, lengths and every entry, once; nothing can fail after that.\n///\n\
         /// # Errors\n/// The bytes are no such message, or end before it does.\n\
         pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {{\n\
         let lengths = {lengths:?};\n\
         let (mut cursor, {block}) = parts::Cursor::open(message, {name}::TEMPLATE_ID, \
         &lengths)?;\n\
         {finds}{part_finds}\
         Ok(Self {{ {block_values}{part_names}acting_version: cursor.version(), length: \
         cursor.position() }})\n}}\n\n\
         /// The version by which the message is read: the writer's, or ours where the writer's \
         is\n/// newer.\n#[inline]\n#[must_use]\n\
         pub const fn acting_version(&self) -> u16 {{ self.acting_version }}\n\n\
         /// Bytes of header, block and the parts that this version knows.\n#[inline]\n\
         #[must_use]\n\
         pub const fn encoded_length(&self) -> usize {{ self.length }}\n\n\
         {getters}{part_getters}}}\n\n",
        part_fields = parts.fields,
        lengths = lengths(schema, body),
        part_finds = parts.finds,
        part_names = parts.names,
        part_getters = parts.getters,
    )
}

fn entry_reader(schema: &Schema, group: &Group, name: &str) -> String {
    let body = &group.body;
    let (block_fields, block_values, finds, getters) = reader_block(schema, body);
    let parts = reader_parts(body, name);
    // Only a getter that may find nothing asks for the version.
    let newer = visible(&body.fields).any(|field| field.since > 0);
    let (version_field, version_value) = if newer {
        ("acting_version: u16,\n", "acting_version: cursor.version(), ")
    } else {
        ("", "")
    };
    let block = if block_values.is_empty() { "" } else { "let block = " };
    format!(
        "/// Reads an entry of `{label}` in place.\n\
         #[derive(Clone, Debug)]\npub struct {name}Reader<'a> {{\n\
         {block_fields}{part_fields}{version_field}}}\n\n\
         impl<'a> {name}Reader<'a> {{\n{getters}{part_getters}}}\n\n\
         impl<'a> parts::Entry<'a> for {name}Reader<'a> {{\n\
         const GROUP: &'static str = {label:?};\n\
         const LENGTHS: &'static [usize] = &{lengths:?};\n\n\
         fn open(cursor: &mut parts::Cursor<'a>, block_length: usize) -> Result<Self, \
         DecodeError> {{\n\
         {block}cursor.take(block_length)?;\n{finds}{part_finds}\
         Ok(Self {{ {block_values}{part_names}{version_value} }})\n}}\n}}\n\n",
        label = group.name,
        part_fields = parts.fields,
        part_getters = parts.getters,
        lengths = lengths(schema, body),
        part_finds = parts.finds,
        part_names = parts.names,
    )
}
