//! Writes a dissector for Wireshark, in Lua, from the model.
//!
//! The layouts become tables; what walks them is the same for every schema and stands in
//! `lua/walk.lua.in`.

use std::collections::{BTreeMap, BTreeSet};

use super::names;
use crate::model::{Body, Counter, Kind, Member, Number, Presence, Primitive, Schema};

/// The dissector of a schema; `protocol` is its name in filters.
#[must_use]
pub fn generate(schema: &Schema, protocol: &str) -> String {
    let origin = schema.path.rsplit('/').next().unwrap_or_default();
    let mut fields = Fields::new(schema, protocol);
    for message in &schema.messages {
        fields.message = names::snake(&message.name);
        fields.body(&message.body, "");
    }
    let mut messages = String::new();
    for message in &schema.messages {
        fields.message = names::snake(&message.name);
        messages += &format!(
            "  [{}] = {{ name = {}, {} }},\n",
            message.id,
            quoted(&message.name),
            fields.shape(&message.body, "", 1),
        );
    }
    format!(
        "-- The messages of `{package}` for Wireshark and tshark.\n\
         --\n\
         -- @generated from {origin} by isochron-codegen; not to be edited.\n\n\
         local protocol = Proto({name}, {title})\n\
         local SCHEMA_ID, SCHEMA_VERSION = {id}, {version}\n\n\
         {header}{enums}local fields = {{}}\n{field_lines}\n\
         -- A field: its place in the block, its bytes, what shows it, the bytes that mean none (in\n\
         -- hexadecimal), the version that brought it.\n\
         local messages = {{\n{messages}}}\n\n{walk}",
        package = schema.package,
        name = quoted(protocol),
        title = quoted(&format!("{} (SBE schema {})", capital(protocol), schema.id)),
        id = schema.id,
        version = schema.version,
        header = HEADER.replace("PROTOCOL", protocol),
        enums = value_strings(schema),
        field_lines = fields.text,
        walk = include_str!("lua/walk.lua.in"),
    )
}

/// The fields of the message header.
const HEADER: &str = "\
local header = {
  block_length = ProtoField.uint16(\"PROTOCOL.header.block_length\", \"Block length\"),
  template_id = ProtoField.uint16(\"PROTOCOL.header.template_id\", \"Template\"),
  schema_id = ProtoField.uint16(\"PROTOCOL.header.schema_id\", \"Schema\"),
  version = ProtoField.uint16(\"PROTOCOL.header.version\", \"Version\"),
  message = ProtoField.string(\"PROTOCOL.header.message\", \"Message\"),
}

";

fn capital(name: &str) -> String {
    name[..1].to_ascii_uppercase() + &name[1..]
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A table of names for each enum.
fn value_strings(schema: &Schema) -> String {
    let mut text = String::from("local names = {}\n");
    for known in &schema.enums {
        let values: Vec<String> = (known.values.iter())
            .map(|value| format!("[{}] = {}", value.code, quoted(&value.name)))
            .collect();
        text += &format!("names.{} = {{ {} }}\n", names::snake(&known.name), values.join(", "));
    }
    text + "\n"
}

/// What shows fields: each once, however many messages have it.
struct Fields<'s> {
    schema: &'s Schema,
    protocol: &'s str,
    /// The message whose fields are declared or named.
    message: String,
    /// Names that are of different kinds in different messages.
    ambiguous: BTreeSet<String>,
    /// What is declared.
    known: BTreeSet<String>,
    text: String,
}

impl<'s> Fields<'s> {
    fn new(schema: &'s Schema, protocol: &'s str) -> Self {
        let mut kinds = BTreeMap::new();
        let mut ambiguous = BTreeSet::new();
        for message in &schema.messages {
            find_ambiguous(&message.body, "", &mut kinds, &mut ambiguous);
        }
        let (message, known, text) = (String::new(), BTreeSet::new(), String::new());
        Self { schema, protocol, message, ambiguous, known, text }
    }

    /// Declares what the fields of `body` need; `path` is that of the groups around it.
    fn body(&mut self, body: &Body, path: &str) {
        self.members(&body.fields, path);
        for group in &body.groups {
            let path = format!("{path}{}.", names::snake(&group.name));
            self.declare_part(&format!("{path}count"), &group.name, "uint32", &group.description);
            self.body(&group.body, &path);
        }
        for data in &body.data {
            let path = format!("{path}{}", names::snake(&data.name));
            let kind = if data.is_text { "string" } else { "bytes" };
            self.declare_part(&path, &data.name, kind, &data.description);
        }
    }

    fn members(&mut self, members: &[Member], path: &str) {
        for member in shown(members) {
            if let Kind::Composite(index) = member.kind {
                let inner = &self.schema.composites[index].members;
                self.members(inner, &format!("{path}{}.", names::snake(&member.name)));
                continue;
            }
            let key = self.key(member, path);
            if self.known.insert(key.clone()) {
                self.member(&key, member);
            }
        }
    }

    /// A field of one kind has one name, wherever it stands; else it has its message's too.
    fn key(&self, member: &Member, path: &str) -> String {
        let key = format!("{path}{}", names::snake(&member.name));
        if self.ambiguous.contains(&key) { format!("{}.{key}", self.message) } else { key }
    }

    fn member(&mut self, key: &str, member: &Member) {
        let (label, description) = (&member.name, &member.description);
        match member.kind {
            Kind::Scalar(Primitive::Char) | Kind::Array(Primitive::Char, _) => {
                self.declare(key, label, "string", description);
            }
            Kind::Array(..) => self.declare(key, label, "bytes", description),
            Kind::Scalar(primitive) => self.declare(key, label, primitive.name(), description),
            Kind::Enum(index) => {
                let known = &self.schema.enums[index];
                let kind = number_name(known.primitive);
                let values = format!(", base.DEC, names.{}", names::snake(&known.name));
                self.declare_as(key, label, kind, &values, description);
            }
            Kind::Set(index) => {
                let known = &self.schema.sets[index];
                self.declare_as(key, label, known.primitive.name(), ", base.HEX, nil", description);
                for choice in &known.choices {
                    let key = format!("{key}.{}", names::snake(&choice.name));
                    // A bit of its byte: numbers of Lua have no 64 bits.
                    let mask = format!(", 8, nil, 0x{:x}", 1 << (choice.bit % 8));
                    self.declare_as(&key, &choice.name, "bool", &mask, &choice.description);
                }
            }
            Kind::Composite(_) => {}
        }
    }

    /// Declares a group's count or data, of which messages may share the name.
    fn declare_part(&mut self, key: &str, label: &str, kind: &str, description: &str) {
        if self.known.insert(key.to_owned()) {
            self.declare(key, label, kind, description);
        }
    }

    fn declare(&mut self, key: &str, label: &str, kind: &str, description: &str) {
        let values = match kind {
            "string" | "bytes" => ", base.NONE",
            "float" | "double" => "",
            _ => ", base.DEC, nil",
        };
        self.declare_as(key, label, kind, values, description);
    }

    fn declare_as(&mut self, key: &str, label: &str, kind: &str, values: &str, description: &str) {
        let filter = quoted(&format!("{}.{key}", self.protocol));
        let (key, label) = (quoted(key), quoted(&spaced(label)));
        // The mask stands where numbers have none.
        let values = match kind {
            "bool" | "float" | "double" | "string" | "bytes" => values.to_owned(),
            _ => format!("{values}, nil"),
        };
        let description = match (description, kind) {
            ("", _) | (_, "float" | "double") => String::new(),
            (words, _) => format!(", {}", quoted(words)),
        };
        self.text +=
            &format!("fields[{key}] = ProtoField.{kind}({filter}, {label}{values}{description})\n");
    }

    /// The layout of a message or of an entry, as the inside of a table.
    fn shape(&self, body: &Body, path: &str, depth: usize) -> String {
        let indent = "  ".repeat(depth + 1);
        let lengths: Vec<String> = (0..=self.schema.version)
            .map(|version| self.schema.block_length_at(body, version).to_string())
            .collect();
        let mut text = format!("lengths = {{ {} }},\n{indent}block = {{", lengths.join(", "));
        let mut rows = String::new();
        self.rows(&body.fields, 0, path, &mut rows, &indent);
        text += &if rows.is_empty() { "},\n".to_owned() } else { format!("\n{rows}{indent}}},\n") };
        let mut groups = String::new();
        for group in &body.groups {
            let inner = format!("{path}{}.", names::snake(&group.name));
            let dimension = group.dimension;
            groups += &format!(
                "{indent}  {{ name = {}, field = fields[{}], since = {}, length = {}, \
                 block_length = {}, count = {},\n{indent}    {} }},\n",
                quoted(&group.name),
                quoted(&format!("{inner}count")),
                group.since,
                dimension.length,
                counter(dimension.block_length),
                counter(dimension.count),
                self.shape(&group.body, &inner, depth + 2),
            );
        }
        let mut data = String::new();
        for known in &body.data {
            data += &format!(
                "{indent}  {{ name = {}, field = fields[{}], since = {}, length = {} }},\n",
                quoted(&known.name),
                quoted(&format!("{path}{}", names::snake(&known.name))),
                known.since,
                counter(known.length),
            );
        }
        let list = |rows: String| {
            if rows.is_empty() { "{}".to_owned() } else { format!("{{\n{rows}{indent}}}") }
        };
        text + &format!("{indent}groups = {}, data = {}", list(groups), list(data))
    }

    /// A row for each field of a block; a composite's stand in its place.
    fn rows(&self, members: &[Member], base: usize, path: &str, rows: &mut String, indent: &str) {
        for member in shown(members) {
            let offset = base + member.offset;
            if let Kind::Composite(index) = member.kind {
                let path = format!("{path}{}.", names::snake(&member.name));
                self.rows(&self.schema.composites[index].members, offset, &path, rows, indent);
                continue;
            }
            let key = self.key(member, path);
            let size = self.schema.member_size(member);
            let mut extra = String::new();
            match (&member.presence, member.kind) {
                (Presence::Optional(null), Kind::Scalar(primitive)) => {
                    extra += &format!(", null = {}", null_bytes(*null, primitive));
                }
                (Presence::Optional(null), Kind::Enum(index)) => {
                    let primitive = self.schema.enums[index].primitive;
                    extra += &format!(", null = {}", null_bytes(*null, primitive));
                }
                _ => {}
            }
            if let Kind::Set(index) = member.kind {
                let bits: Vec<String> = (self.schema.sets[index].choices.iter())
                    .map(|choice| {
                        let key = quoted(&format!("{key}.{}", names::snake(&choice.name)));
                        format!("{{ fields[{key}], {} }}", choice.bit / 8)
                    })
                    .collect();
                extra += &format!(", bits = {{ {} }}", bits.join(", "));
            }
            if matches!(
                member.kind,
                Kind::Scalar(Primitive::Char) | Kind::Array(Primitive::Char, _)
            ) {
                extra += ", text = true";
            }
            if member.since > 0 {
                extra += &format!(", since = {}", member.since);
            }
            *rows += &format!(
                "{indent}  {{ {offset}, {size}, fields[{}]{extra}, name = {} }},\n",
                quoted(&key),
                quoted(&spaced(&member.name)),
            );
        }
    }
}

/// Notes what kind each field is, and which were of another kind before.
fn find_ambiguous(
    body: &Body,
    path: &str,
    kinds: &mut BTreeMap<String, Kind>,
    ambiguous: &mut BTreeSet<String>,
) {
    for member in shown(&body.fields) {
        let key = format!("{path}{}", names::snake(&member.name));
        if *kinds.entry(key.clone()).or_insert(member.kind) != member.kind {
            ambiguous.insert(key);
        }
    }
    for group in &body.groups {
        let path = format!("{path}{}.", names::snake(&group.name));
        find_ambiguous(&group.body, &path, kinds, ambiguous);
    }
}

/// Fields that stand on the wire and mean something.
fn shown(members: &[Member]) -> impl Iterator<Item = &Member> {
    members.iter().filter(|member| !member.is_padding() && !member.is_constant())
}

/// An enum of characters is one of their codes.
fn number_name(primitive: Primitive) -> &'static str {
    if primitive == Primitive::Char { "uint8" } else { primitive.name() }
}

fn counter(counter: Counter) -> String {
    format!("{{ {}, {} }}", counter.offset, counter.primitive.size())
}

/// The bytes that mean none, in hexadecimal; for a float that is no number, its kind.
fn null_bytes(null: Number, primitive: Primitive) -> String {
    let bytes = match null {
        Number::Integer(value) => value.to_le_bytes()[..primitive.size()].to_vec(),
        Number::Float(value) if value.is_nan() => return quoted("nan"),
        #[expect(clippy::cast_possible_truncation, reason = "a float of 32 bits, widened")]
        Number::Float(value) if primitive == Primitive::Float => {
            (value as f32).to_le_bytes().to_vec()
        }
        Number::Float(value) => value.to_le_bytes().to_vec(),
    };
    quoted(&bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>())
}

/// `orderId` as `Order id`.
fn spaced(name: &str) -> String {
    let words = names::snake(name).replace('_', " ");
    if words.is_empty() { words } else { capital(&words) }
}
