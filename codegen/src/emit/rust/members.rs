//! Writes the Rust for one member: its type, how it is read and written, what it shows.
//!
//! Composites are written out member by member at absolute offsets: the compiler then sees one
//! array and constant places in it, and no check remains.

use crate::emit::names;
use crate::model::{Constant, Kind, Member, Number, Presence, Primitive, Schema};

/// The type of a primitive.
pub(super) fn primitive_type(primitive: Primitive) -> &'static str {
    match primitive {
        Primitive::Char | Primitive::Uint8 => "u8",
        Primitive::Int8 => "i8",
        Primitive::Int16 => "i16",
        Primitive::Int32 => "i32",
        Primitive::Int64 => "i64",
        Primitive::Uint16 => "u16",
        Primitive::Uint32 => "u32",
        Primitive::Uint64 => "u64",
        Primitive::Float => "f32",
        Primitive::Double => "f64",
    }
}

/// A value of `primitive`, with its type.
pub(super) fn literal(primitive: Primitive, number: Number) -> String {
    let kind = primitive_type(primitive);
    match number {
        Number::Integer(value) if value == i128::from(i64::MIN) && kind == "i64" => {
            "i64::MIN".into()
        }
        Number::Integer(value) if value == i128::from(u64::MAX) && kind == "u64" => {
            "u64::MAX".into()
        }
        Number::Integer(value) => format!("{value}_{kind}"),
        Number::Float(value) if value.is_nan() => format!("{kind}::NAN"),
        Number::Float(value) if value == f64::INFINITY => format!("{kind}::INFINITY"),
        Number::Float(value) if value == f64::NEG_INFINITY => format!("{kind}::NEG_INFINITY"),
        // The shortest digits that give the narrow float again; the parser made sure that it fits.
        #[expect(clippy::cast_possible_truncation, reason = "a float of 32 bits, widened")]
        Number::Float(value) if kind == "f32" => format!("{:?}_f32", value as f32),
        Number::Float(value) => format!("{value:?}_f64"),
    }
}

/// `literal` as what a method is called on: a minus would bind less tightly.
fn operand(literal: String) -> String {
    if literal.starts_with('-') { format!("({literal})") } else { literal }
}

/// The type of `kind`.
pub(super) fn kind_type(schema: &Schema, kind: Kind) -> String {
    match kind {
        Kind::Scalar(primitive) => primitive_type(primitive).to_owned(),
        Kind::Array(primitive, length) => format!("[{}; {length}]", primitive_type(primitive)),
        Kind::Enum(index) => names::pascal(&schema.enums[index].name),
        Kind::Set(index) => names::pascal(&schema.sets[index].name),
        Kind::Composite(index) => names::pascal(&schema.composites[index].name),
    }
}

/// Whether a struct holds the member as an `Option`: it has a null value or older writers lack it.
pub(super) fn is_option(member: &Member) -> bool {
    matches!(member.presence, Presence::Optional(_)) || member.since > 0
}

/// The type of a member in a struct.
pub(super) fn member_type(schema: &Schema, member: &Member) -> String {
    let kind = kind_type(schema, member.kind);
    if is_option(member) { format!("Option<{kind}>") } else { kind }
}

/// The members that a struct has as fields.
pub(super) fn visible(members: &[Member]) -> impl Iterator<Item = &Member> {
    members.iter().filter(|member| !member.is_padding() && !member.is_constant())
}

/// The members that are constants.
pub(super) fn constants(members: &[Member]) -> impl Iterator<Item = &Member> {
    members.iter().filter(|member| member.is_constant())
}

/// Whether the member's bytes can be null.
fn null_of(member: &Member) -> Option<Number> {
    match member.presence {
        Presence::Optional(null) => Some(null),
        _ => None,
    }
}

/// An expression for `kind` at `offset` of the array reference `block`.
pub(super) fn read_kind(schema: &Schema, kind: Kind, offset: usize, block: &str) -> String {
    let raw = |primitive: Primitive, offset: usize| {
        let (name, size) = (primitive_type(primitive), primitive.size());
        format!("{name}::from_le_bytes(read::<{offset}, {size}, _>({block}))")
    };
    match kind {
        Kind::Scalar(primitive) => raw(primitive, offset),
        Kind::Array(Primitive::Char | Primitive::Uint8, length) => {
            format!("read::<{offset}, {length}, _>({block})")
        }
        Kind::Array(primitive, length) => {
            let size = primitive.size();
            let items: Vec<_> = (0..length).map(|i| raw(primitive, offset + i * size)).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Enum(index) => {
            let name = kind_type(schema, kind);
            format!("{name}({})", raw(schema.enums[index].primitive, offset))
        }
        Kind::Set(index) => {
            let name = kind_type(schema, kind);
            format!("{name}({})", raw(schema.sets[index].primitive, offset))
        }
        Kind::Composite(index) => {
            let members = &schema.composites[index].members;
            let name = kind_type(schema, kind);
            format!("{name} {{ {} }}", read_members(schema, members, offset, block))
        }
    }
}

/// `field: expression,` for each of a struct's fields.
fn read_members(schema: &Schema, members: &[Member], base: usize, block: &str) -> String {
    let one = |member: &Member| {
        let value = read_member(schema, member, base + member.offset, block);
        format!("{}: {value},", names::field(&member.name))
    };
    visible(members).map(one).collect()
}

/// An expression for a member, `None` where its bytes are null; versions are not looked at.
pub(super) fn read_member(schema: &Schema, member: &Member, offset: usize, block: &str) -> String {
    let value = read_kind(schema, member.kind, offset, block);
    let Some(null) = null_of(member) else { return value };
    match (member.kind, null) {
        (Kind::Scalar(_), Number::Float(null)) if null.is_nan() => {
            format!("Some({value}).filter(|value| !value.is_nan())")
        }
        (Kind::Scalar(primitive), _) if primitive.is_float() => {
            let null = operand(literal(primitive, null));
            format!("Some({value}).filter(|value| value.to_bits() != {null}.to_bits())")
        }
        (Kind::Scalar(primitive), _) => {
            let null = literal(primitive, null);
            format!("Some({value}).filter(|value| *value != {null})")
        }
        (Kind::Enum(index), _) => {
            let null = literal(schema.enums[index].primitive, null);
            format!("Some({value}).filter(|value| value.0 != {null})")
        }
        _ => value,
    }
}

/// Statements that write all of `members` at `base`, the gaps between them as zeros.
///
/// `length` is where the last gap ends.
pub(super) fn write_members(
    schema: &Schema,
    members: &[Member],
    value: &str,
    base: usize,
    length: usize,
) -> String {
    let mut text = String::new();
    let mut end = 0;
    for member in members.iter().filter(|member| !member.is_constant()) {
        if member.is_padding() {
            continue;
        }
        text += &zeros(base + end, member.offset - end);
        let name = format!("{value}.{}", names::field(&member.name));
        text += &write_member(schema, member, &name, base + member.offset, is_option(member));
        end = member.offset + schema.member_size(member);
    }
    text + &zeros(base + end, length - end)
}

fn zeros(offset: usize, size: usize) -> String {
    if size == 0 {
        String::new()
    } else {
        format!("write::<{offset}, {size}, _>(block, [0; {size}]);\n")
    }
}

/// Statements that write `value`, which is an `Option` where `option` says so.
pub(super) fn write_member(
    schema: &Schema,
    member: &Member,
    value: &str,
    offset: usize,
    option: bool,
) -> String {
    if !option {
        return write_kind(schema, member.kind, value, offset);
    }
    let number = |primitive: Primitive| {
        literal(primitive, null_of(member).unwrap_or_else(|| primitive.null()))
    };
    match member.kind {
        Kind::Scalar(primitive) => {
            let value = format!("{value}.unwrap_or({})", number(primitive));
            write_kind(schema, member.kind, &value, offset)
        }
        Kind::Enum(index) => {
            let primitive = schema.enums[index].primitive;
            let null = match null_of(member) {
                Some(_) => number(primitive),
                None => literal(primitive, schema.enums[index].null),
            };
            let value = format!("{value}.map_or({null}, |value| value.0)");
            write_kind(schema, Kind::Scalar(primitive), &value, offset)
        }
        Kind::Array(primitive, length) => {
            let zero = if primitive.is_float() { "0.0" } else { "0" };
            let value = format!("{value}.unwrap_or([{zero}; {length}])");
            format!("let values = {value};\n{}", write_kind(schema, member.kind, "values", offset))
        }
        Kind::Set(_) | Kind::Composite(_) => {
            let text = format!("let value = {value}.unwrap_or_default();\n");
            text + &write_kind(schema, member.kind, "value", offset)
        }
    }
}

/// Statements that write null into every optional member, in composites too, over zeros.
pub(super) fn write_nulls(schema: &Schema, members: &[Member], base: usize) -> String {
    let mut text = String::new();
    for member in visible(members) {
        let offset = base + member.offset;
        let (primitive, default) = match member.kind {
            Kind::Scalar(primitive) => (primitive, primitive.null()),
            Kind::Enum(index) => (schema.enums[index].primitive, schema.enums[index].null),
            Kind::Composite(index) => {
                text += &write_nulls(schema, &schema.composites[index].members, offset);
                continue;
            }
            // One that an older writer lacks has no null value: it is zeros.
            Kind::Array(..) | Kind::Set(_) => continue,
        };
        if is_option(member) {
            let null = operand(literal(primitive, null_of(member).unwrap_or(default)));
            text += &write_kind(schema, Kind::Scalar(primitive), &null, offset);
        }
    }
    text
}

fn write_kind(schema: &Schema, kind: Kind, value: &str, offset: usize) -> String {
    let raw = |primitive: Primitive, value: &str, offset: usize| {
        format!("write::<{offset}, {}, _>(block, {value}.to_le_bytes());\n", primitive.size())
    };
    match kind {
        Kind::Scalar(primitive) => raw(primitive, value, offset),
        Kind::Array(Primitive::Char | Primitive::Uint8, length) => {
            format!("write::<{offset}, {length}, _>(block, {value});\n")
        }
        Kind::Array(primitive, length) => {
            let item =
                |i: usize| raw(primitive, &format!("{value}[{i}]"), offset + i * primitive.size());
            (0..length).map(item).collect()
        }
        Kind::Enum(index) => raw(schema.enums[index].primitive, &format!("{value}.0"), offset),
        Kind::Set(index) => raw(schema.sets[index].primitive, &format!("{value}.0"), offset),
        Kind::Composite(index) => {
            let composite = &schema.composites[index];
            write_members(schema, &composite.members, value, offset, composite.length)
        }
    }
}

/// Statements that give every field to `visit`; a composite's fields are named after it.
pub(super) fn visit_members(
    schema: &Schema,
    members: &[Member],
    value: &str,
    label: &str,
) -> String {
    let mut text = String::new();
    for member in visible(members) {
        let name = format!("{value}.{}", names::field(&member.name));
        let label = format!("{label}{}", names::snake(&member.name));
        text += &if is_option(member) {
            // An optional composite is one `Null` under its own name.
            let some = visit_kind(schema, member.kind, "value", &label);
            format!(
                "match &{name} {{ Some(value) => {{ {some} }}, \
                 None => visit({label:?}, FieldValue::Null), }}\n"
            )
        } else {
            visit_kind(schema, member.kind, &name, &label)
        };
    }
    text
}

fn visit_kind(schema: &Schema, kind: Kind, value: &str, label: &str) -> String {
    // `value` may be a reference here: behind a match on an `Option`.
    let place = if value == "value" { "*value" } else { value };
    match kind {
        Kind::Scalar(primitive) => visit_scalar(primitive, place, label),
        Kind::Array(Primitive::Char, _) => {
            let reference = if value == "value" { value.to_owned() } else { format!("&{value}") };
            format!("visit({label:?}, FieldValue::characters({reference}));\n")
        }
        Kind::Array(Primitive::Uint8, _) => {
            let reference = if value == "value" { value.to_owned() } else { format!("&{value}") };
            format!("visit({label:?}, FieldValue::Bytes({reference}));\n")
        }
        Kind::Array(primitive, length) => (0..length)
            .map(|i| visit_scalar(primitive, &format!("{value}[{i}]"), &format!("{label}.{i}")))
            .collect(),
        Kind::Enum(index) => {
            let other = number_value(schema.enums[index].primitive, &format!("{value}.0"));
            format!("visit({label:?}, {value}.name().map_or({other}, FieldValue::Name));\n")
        }
        Kind::Set(index) => {
            let bits = number_value(schema.sets[index].primitive, &format!("{value}.0"));
            format!("visit({label:?}, {bits});\n")
        }
        Kind::Composite(index) => {
            visit_members(schema, &schema.composites[index].members, value, &format!("{label}."))
        }
    }
}

fn visit_scalar(primitive: Primitive, value: &str, label: &str) -> String {
    if primitive == Primitive::Char {
        return format!("visit({label:?}, FieldValue::characters(&[{value}]));\n");
    }
    format!("visit({label:?}, {});\n", number_value(primitive, value))
}

fn number_value(primitive: Primitive, value: &str) -> String {
    let (variant, wide) = match primitive {
        _ if primitive.is_float() => ("F64", "f64"),
        _ if primitive.is_signed() => ("I64", "i64"),
        _ => ("U64", "u64"),
    };
    if primitive_type(primitive) == wide {
        format!("FieldValue::{variant}({value})")
    } else {
        format!("FieldValue::{variant}({wide}::from({value}))")
    }
}

/// `pub const` items for the constants among `members`.
pub(super) fn constant_items(schema: &Schema, members: &[Member]) -> String {
    constants(members).map(|member| constant_item(schema, member)).collect()
}

fn constant_item(schema: &Schema, member: &Member) -> String {
    let Presence::Constant(constant) = &member.presence else { return String::new() };
    let value = match (constant, member.kind) {
        (Constant::Number(number), Kind::Scalar(primitive)) => literal(primitive, *number),
        (Constant::Text(bytes), _) => format!("*b\"{}\"", bytes.escape_ascii()),
        (Constant::EnumValue(value), Kind::Enum(index)) => {
            let known = &schema.enums[index];
            format!("{}::{}", names::pascal(&known.name), names::upper(&known.values[*value].name))
        }
        // The parser makes no other pair.
        _ => unreachable!("a constant {constant:?} of {:?}", member.kind),
    };
    let otherwise = format!("The constant `{}`, not on the wire.", member.name);
    format!(
        "{}pub const {}: {} = {value};\n\n",
        super::doc(&member.description, &otherwise),
        names::upper(&member.name),
        kind_type(schema, member.kind)
    )
}

/// The types that the code for `members` names.
pub(super) fn imports(schema: &Schema, members: &[Member]) -> Vec<String> {
    let mut found = Vec::new();
    collect_types(schema, members, &mut found);
    found.sort();
    found.dedup();
    found
}

fn collect_types(schema: &Schema, members: &[Member], found: &mut Vec<String>) {
    for member in members.iter().filter(|member| !member.is_padding()) {
        match member.kind {
            Kind::Scalar(_) | Kind::Array(..) => {}
            Kind::Enum(_) | Kind::Set(_) => found.push(kind_type(schema, member.kind)),
            Kind::Composite(index) => {
                found.push(kind_type(schema, member.kind));
                collect_types(schema, &schema.composites[index].members, found);
            }
        }
    }
}
