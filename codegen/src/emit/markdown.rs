//! Writes field tables, in Markdown, from the model.

use crate::model::{Body, Constant, Kind, Member, Number, Presence, Primitive, Schema};

/// The page of a schema.
#[must_use]
pub fn generate(schema: &Schema) -> String {
    let origin = schema.path.rsplit('/').next().unwrap_or_default();
    let mut text = format!(
        "<!-- @generated from {origin} by isochron-codegen; not to be edited. -->\n\n\
         # `{package}`\n\n\
         SBE 1.0, little endian; schema {id}, version {version} ([{origin}](../../{path})). \
         Before every message stand eight bytes: block length, template, schema and version, each \
         `uint16`. Offsets count from the start of the block, behind those. A block may be longer \
         than it is here: that is a newer version, whose end is skipped.\n\n",
        package = schema.package,
        id = schema.id,
        version = schema.version,
        path = schema.path,
    );
    text += "| template | message | bytes | what it is |\n|---:|---|---:|---|\n";
    for message in &schema.messages {
        text += &format!(
            "| {} | [{name}](#{anchor}) | {} | {} |\n",
            message.id,
            message.body.block_length,
            cell(&message.description),
            name = message.name,
            anchor = message.name.to_ascii_lowercase(),
        );
    }
    for message in &schema.messages {
        text += &format!("\n## {}\n\n", message.name);
        text += &format!("Template {}. {}\n", message.id, message.description);
        text += &body(schema, &message.body);
    }
    text + &enums(schema) + &sets(schema)
}

/// The tables of a message or of an entry, one for the block and one for each part.
fn body(schema: &Schema, body: &Body) -> String {
    let mut rows = String::new();
    fields(schema, &body.fields, 0, "", &mut rows);
    let mut text = String::new();
    if !rows.is_empty() {
        text += "\n| field | offset | bytes | type | none | since | what it is |\n\
                 |---|---:|---:|---|---|---:|---|\n";
        text += &rows;
    }
    for group in &body.groups {
        text += &format!(
            "\nGroup `{}` (since {}): {} bytes say an entry's bytes (`{}`) and the entries \
             (`{}`). {}\n",
            group.name,
            group.since,
            group.dimension.length,
            group.dimension.block_length.primitive.name(),
            group.dimension.count.primitive.name(),
            group.description,
        );
        text += &self::body(schema, &group.body);
        text += &format!("\nEnd of `{}`.\n", group.name);
    }
    for data in &body.data {
        text += &format!(
            "\nData `{}` (since {}): their length (`{}`), then {}. {}\n",
            data.name,
            data.since,
            data.length.primitive.name(),
            if data.is_text { "text" } else { "bytes" },
            data.description,
        );
    }
    text
}

/// A row for each field; a composite's members are named after it.
fn fields(schema: &Schema, members: &[Member], base: usize, path: &str, rows: &mut String) {
    for member in members {
        let (name, offset) = (format!("{path}{}", member.name), base + member.offset);
        if let (Kind::Composite(index), false) = (member.kind, member.is_constant()) {
            let composite = &schema.composites[index];
            fields(schema, &composite.members, offset, &format!("{name}."), rows);
            continue;
        }
        let (place, size) = if member.is_constant() {
            ("".to_owned(), "".to_owned())
        } else {
            (offset.to_string(), schema.member_size(member).to_string())
        };
        let words = if member.description.is_empty() {
            type_words(schema, member.kind)
        } else {
            &member.description
        };
        *rows += &format!(
            "| `{name}` | {place} | {size} | {} | {} | {} | {} |\n",
            kind(schema, member),
            none(schema, member),
            member.since,
            cell(words),
        );
    }
}

/// The schema's words on a type.
fn type_words(schema: &Schema, kind: Kind) -> &str {
    match kind {
        Kind::Enum(index) => &schema.enums[index].description,
        Kind::Set(index) => &schema.sets[index].description,
        Kind::Scalar(_) | Kind::Array(..) | Kind::Composite(_) => "",
    }
}

/// The primitive, or a link to the names of its values.
fn kind(schema: &Schema, member: &Member) -> String {
    let link = |name: &str| format!("[{name}](#{})", name.to_ascii_lowercase());
    let text = match member.kind {
        Kind::Scalar(primitive) => format!("`{}`", primitive.name()),
        Kind::Array(primitive, length) => format!("`{}[{length}]`", primitive.name()),
        Kind::Enum(index) => link(&schema.enums[index].name),
        Kind::Set(index) => link(&schema.sets[index].name),
        Kind::Composite(index) => schema.composites[index].name.clone(),
    };
    match &member.presence {
        Presence::Constant(Constant::Number(Number::Integer(value))) => {
            format!("{text}, always {value}")
        }
        Presence::Constant(Constant::Number(Number::Float(value))) => {
            format!("{text}, always {value}")
        }
        Presence::Constant(Constant::Text(bytes)) => {
            format!("{text}, always `{}`", bytes.escape_ascii())
        }
        Presence::Constant(Constant::EnumValue(value)) => match member.kind {
            Kind::Enum(index) => {
                format!("{text}, always {}", schema.enums[index].values[*value].name)
            }
            _ => text,
        },
        Presence::Required | Presence::Optional(_) => text,
    }
}

/// The number that says that there is no value.
fn none(schema: &Schema, member: &Member) -> String {
    let Presence::Optional(null) = member.presence else { return String::new() };
    let primitive = match member.kind {
        Kind::Scalar(primitive) => Some(primitive),
        Kind::Enum(index) => Some(schema.enums[index].primitive),
        _ => None,
    };
    match null {
        Number::Integer(value) => {
            let least = primitive.and_then(Primitive::range).map(|(least, _)| least);
            let power = primitive.map_or(0, |primitive| 8 * primitive.size() - 1);
            if value < 0 && least == Some(value) {
                format!("-2^{power}")
            } else {
                value.to_string()
            }
        }
        Number::Float(value) => value.to_string(),
    }
}

fn enums(schema: &Schema) -> String {
    let mut text = String::new();
    for known in &schema.enums {
        text += &format!(
            "\n## {}\n\n{} `{}`; other codes may come.\n\n| code | name | what it is |\n\
             |---:|---|---|\n",
            known.name,
            known.description,
            known.primitive.name(),
        );
        for value in &known.values {
            let code = match u8::try_from(value.code) {
                Ok(code) if known.primitive == Primitive::Char => format!("`{}`", char::from(code)),
                _ => value.code.to_string(),
            };
            text += &format!("| {code} | {} | {} |\n", value.name, cell(&value.description));
        }
    }
    text
}

fn sets(schema: &Schema) -> String {
    let mut text = String::new();
    for known in &schema.sets {
        text += &format!(
            "\n## {}\n\n{} `{}`; other bits may come.\n\n| bit | name | what it is |\n\
             |---:|---|---|\n",
            known.name,
            known.description,
            known.primitive.name(),
        );
        for choice in &known.choices {
            text +=
                &format!("| {} | {} | {} |\n", choice.bit, choice.name, cell(&choice.description));
        }
    }
    text
}

/// Words in a table's cell.
fn cell(words: &str) -> String {
    words.replace('|', "\\|")
}
