//! Writes, for each message, how our struct becomes `sbe_gen`'s and how it comes back.
//!
//! Fields are matched by name and nothing else: neither generator's offsets enter here.

use std::fmt::Write;

use isochron_codegen::model::{Kind, Member, Message, Number, Presence, Schema};

/// The glue of one schema as a module.
pub(crate) fn emit(schema: &Schema, theirs: &str, ours: &str) -> String {
    let mut text = format!(
        "//! Glue between `{ours}` and `sbe_gen`.\n\nuse crate::random::Random;\n\
         use crate::{theirs} as theirs;\n\n"
    );
    let mut runs = String::new();
    for message in &schema.messages {
        let (name, module) = (&message.name, snake(&message.name));
        text += &random(schema, message, ours);
        text += &encode(schema, message, ours);
        text += &decode(schema, message, ours);
        let _ = writeln!(
            runs,
            "visitor.visit::<{ours}::{name}>({name:?}, random_{module}, encode_{module}, \
            decode_{module});"
        );
    }
    text + &format!(
        "/// Shows every message of the schema to `visitor`.\n\
         pub fn each(visitor: &mut impl crate::Visitor<{ours}::Message>) {{\n{runs}}}\n"
    )
}

fn random(schema: &Schema, message: &Message, ours: &str) -> String {
    let fields = literal(schema, &message.body.fields, ours, &|member, _| match member.presence {
        Presence::Optional(Number::Integer(null)) => format!("random.option({null})"),
        _ => match member.kind {
            Kind::Enum(_) => {
                let name = own(schema, member, ours);
                format!("random.pick({name}::ALL).unwrap_or_else(|| {name}(random.value()))")
            }
            Kind::Set(_) => format!("{}(random.value())", own(schema, member, ours)),
            _ => "random.value()".to_owned(),
        },
    });
    let (name, module) = (&message.name, snake(&message.name));
    format!(
        "fn random_{module}(random: &mut Random) -> {ours}::{name} {{\n{ours}::{name} {{ \
        {fields} }}\n}}\n\n"
    )
}

/// A struct literal's fields; composites are literals in it.
fn literal(
    schema: &Schema,
    members: &[Member],
    ours: &str,
    value: &dyn Fn(&Member, &str) -> String,
) -> String {
    literal_at(schema, members, ours, "", value)
}

fn literal_at(
    schema: &Schema,
    members: &[Member],
    ours: &str,
    path: &str,
    value: &dyn Fn(&Member, &str) -> String,
) -> String {
    let mut text = String::new();
    for member in members.iter().filter(|member| !member.is_padding()) {
        let field = snake(&member.name);
        let expression = if let Kind::Composite(index) = member.kind {
            let composite = &schema.composites[index];
            let path = format!("{path}{field}.");
            let inner = literal_at(schema, &composite.members, ours, &path, value);
            format!("{ours}::{} {{ {inner} }}", composite.name)
        } else {
            value(member, &format!("{path}{field}"))
        };
        let _ = write!(text, "{field}: {expression}, ");
    }
    text
}

fn encode(schema: &Schema, message: &Message, ours: &str) -> String {
    let (name, module) = (&message.name, snake(&message.name));
    let mut sets = String::new();
    for field in message.body.fields.iter().filter(|field| !field.is_padding()) {
        let value = to_theirs(schema, field, &format!("message.{}", snake(&field.name)));
        let _ = writeln!(sets, "builder.{}({value});", snake(&field.name));
    }
    format!(
        "fn encode_{module}(message: &{ours}::{name}) -> Vec<u8> {{\n\
         let mut builder = \
         theirs::{module}::{name}Builder::new();\n{sets}builder.finish_with_header()\n}}\n\n"
    )
}

fn to_theirs(schema: &Schema, member: &Member, value: &str) -> String {
    match (member.kind, &member.presence) {
        (Kind::Composite(index), _) => {
            let composite = &schema.composites[index];
            let mut fields = String::new();
            for inner in &composite.members {
                let name = snake(&inner.name);
                let value = match inner.kind {
                    Kind::Array(_, length) if inner.is_padding() => format!("[0; {length}]"),
                    _ => to_theirs(schema, inner, &format!("{value}.{name}")),
                };
                let _ = write!(fields, "{name}: {value}, ");
            }
            format!("theirs::types::{} {{ {fields} }}", composite.name)
        }
        (Kind::Enum(index), _) => format!("theirs::types::{}({value}.0)", schema.enums[index].name),
        (Kind::Set(index), _) => format!("theirs::types::{}({value}.0)", schema.sets[index].name),
        // Their constant says what null is; left out, the field would be zero (a known fault).
        (_, Presence::Optional(_)) => {
            let null = format!("theirs::types::{}_NULL", snake(&member.type_name).to_uppercase());
            format!("{value}.map_or({null}, Into::into)")
        }
        (Kind::Array(..), _) => value.to_owned(),
        // Theirs are little-endian types but where a byte has no order.
        (Kind::Scalar(primitive), _) if primitive.size() == 1 => value.to_owned(),
        _ => format!("{value}.into()"),
    }
}

fn decode(schema: &Schema, message: &Message, ours: &str) -> String {
    let (name, module) = (&message.name, snake(&message.name));
    let mut fields = String::new();
    for field in message.body.fields.iter().filter(|field| !field.is_padding()) {
        let field_name = snake(&field.name);
        let value = format!("view.{field_name}_value()?");
        let expression = match field.kind {
            Kind::Composite(index) => {
                let composite = &schema.composites[index];
                let inner =
                    literal(schema, &composite.members, ours, &|member, path| match member.kind {
                        Kind::Array(..) => format!("value.{path}"),
                        _ => format!("value.{path}.into()"),
                    });
                format!("{{ let value = {value}; {ours}::{} {{ {inner} }} }}", composite.name)
            }
            Kind::Enum(_) | Kind::Set(_) => format!("{}({value}.0)", own(schema, field, ours)),
            _ => value,
        };
        let _ = write!(fields, "{field_name}: {expression}, ");
    }
    format!(
        "fn decode_{module}(bytes: &[u8]) -> Option<{ours}::{name}> {{\n\
         let (header, body) = theirs::message_header::MessageHeader::parse_prefix(bytes)?;\n\
         let (view, _) = theirs::{module}::parse_with_header(body, header)?;\n\
         Some({ours}::{name} {{ {fields} }})\n}}\n\n"
    )
}

fn own(schema: &Schema, member: &Member, ours: &str) -> String {
    let name = match member.kind {
        Kind::Enum(index) => &schema.enums[index].name,
        Kind::Set(index) => &schema.sets[index].name,
        _ => &member.type_name,
    };
    format!("{ours}::{name}")
}

/// The plain rule, which holds for every name of the two schemas.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for (index, character) in name.char_indices() {
        if character.is_ascii_uppercase() && index > 0 {
            text.push('_');
        }
        text.push(character.to_ascii_lowercase());
    }
    text
}
