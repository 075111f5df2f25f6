//! Writes enumerations, sets and composites.

use super::doc;
use super::members::{
    constant_items, imports, kind_type, literal, member_type, primitive_type, read_kind, visible,
    write_members,
};
use crate::emit::names;
use crate::model::{Composite, Enum, Kind, Member, Number, Schema, Set};

/// Each type's file name and text.
pub(super) fn emit(schema: &Schema) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    files.extend(schema.enums.iter().map(|known| (names::snake(&known.name), enumeration(known))));
    files.extend(schema.sets.iter().map(|known| (names::snake(&known.name), set(known))));
    files.extend(schema.composites.iter().enumerate().map(|(index, composite)| {
        (names::snake(&composite.name), self::composite(schema, composite, index))
    }));
    files.sort();
    files
}

fn head(kind: &str, name: &str) -> String {
    format!("//! The {kind} `{name}`.\n\n")
}

fn enumeration(known: &Enum) -> String {
    let (name, primitive) = (names::pascal(&known.name), primitive_type(known.primitive));
    let mut constants = String::new();
    let mut arms = String::new();
    let mut all = String::new();
    for value in &known.values {
        let constant = names::upper(&value.name);
        let code = literal(known.primitive, Number::Integer(value.code));
        let code = code.strip_suffix(&format!("_{primitive}")).unwrap_or(&code).to_owned();
        constants += &doc(&value.description, &format!("`{}`.", value.name));
        constants += &format!("pub const {constant}: Self = Self({code});\n");
        arms += &format!("Self::{constant} => Some({:?}),\n", value.name);
        all += &format!("Self::{constant}, ");
    }
    let description = doc(&known.description, &format!("The enumeration `{}`.", known.name));
    head("enumeration", &known.name)
        + &format!(
            "use std::fmt;\n\n{description}///\n\
             /// Other codes than the named ones are valid bytes: they are kept as they came.\n\
             #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]\n\
             pub struct {name}(pub {primitive});\n\n\
             impl {name} {{\n{constants}\n\
             /// Every named value, in the schema's order.\n\
             pub const ALL: &'static [Self] = &[{all}];\n\n\
             /// The schema's name of the value; `None` for a code without one.\n\
             #[must_use]\n\
             pub const fn name(self) -> Option<&'static str> {{\n\
             match self {{\n{arms}_ => None,\n}}\n}}\n}}\n\n\
             impl fmt::Display for {name} {{\n\
             fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {{\n\
             match self.name() {{\n\
             Some(name) => f.write_str(name),\n\
             None => write!(f, \"{name}({{}})\", self.0),\n}}\n}}\n}}\n"
        )
}

fn set(known: &Set) -> String {
    let (name, primitive) = (names::pascal(&known.name), primitive_type(known.primitive));
    let mut constants = String::new();
    let mut all = String::new();
    for choice in &known.choices {
        let constant = names::upper(&choice.name);
        constants += &doc(&choice.description, &format!("`{}`.", choice.name));
        constants += &format!("pub const {constant}: Self = Self(1 << {});\n", choice.bit);
        all += &format!("(Self::{constant}, {:?}), ", choice.name);
    }
    let description = doc(&known.description, &format!("The set `{}`.", known.name));
    let count = known.choices.len();
    head("set", &known.name)
        + &format!(
            "use std::fmt;\nuse std::ops::{{BitOr, BitOrAssign}};\n\n{description}///\n\
             /// Other bits than the named ones are valid: they are kept as they came.\n\
             #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]\n\
             pub struct {name}(pub {primitive});\n\n\
             impl {name} {{\n{constants}\n\
             const NAMES: [(Self, &'static str); {count}] = [{all}];\n\n\
             /// Whether every bit of `other` is set.\n#[must_use]\n\
             pub const fn contains(self, other: Self) -> bool {{ self.0 & other.0 == other.0 }}\n\n\
             /// Whether no bit is set.\n#[must_use]\n\
             pub const fn is_empty(self) -> bool {{ self.0 == 0 }}\n}}\n\n\
             impl BitOr for {name} {{\ntype Output = Self;\n\n\
             fn bitor(self, other: Self) -> Self {{ Self(self.0 | other.0) }}\n}}\n\n\
             impl BitOrAssign for {name} {{\n\
             fn bitor_assign(&mut self, other: Self) {{ self.0 |= other.0; }}\n}}\n\n\
             impl fmt::Display for {name} {{\n\
             /// The names with `|` between them, bits without a name as one number, `0` for \
             none.\n\
             fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {{\n\
             let mut rest = self.0;\nlet mut separator = \"\";\n\
             for (choice, name) in Self::NAMES {{\n\
             if self.contains(choice) {{\n\
             write!(f, \"{{separator}}{{name}}\")?;\n\
             separator = \"|\";\nrest &= !choice.0;\n}}\n}}\n\
             if rest != 0 || separator.is_empty() {{ write!(f, \"{{separator}}{{rest}}\")?; }}\n\
             Ok(())\n}}\n}}\n"
        )
}

fn composite(schema: &Schema, composite: &Composite, index: usize) -> String {
    let name = names::pascal(&composite.name);
    let members = &composite.members;
    let used = imports(schema, members);
    let uses = if used.is_empty() {
        String::new()
    } else {
        format!("use crate::types::{{{}}};\n", used.join(", "))
    };
    let description = doc(&composite.description, &format!("The composite `{}`.", composite.name));
    let equality = if schema.members_hold_float(members) { "PartialEq" } else { "PartialEq, Eq" };
    head("composite", &composite.name)
        + &format!(
            "use crate::runtime::{{read, write}};\n{uses}\n{description}\
             #[derive(Clone, Copy, Debug, {default}{equality})]\npub struct {name} \
             {{\n{fields}}}\n\n\
             {default_impl}impl {name} {{\n/// Bytes on the wire.\npub const LENGTH: usize = \
             {length};\n\n\
             {constants}\
             /// Writes the composite; what pads it becomes zero.\n#[inline]\n\
             pub fn encode(&self, block: &mut [u8; Self::LENGTH]) {{\n{writes}}}\n\n\
             /// Reads the composite: every bytes are one.\n#[inline]\n#[must_use]\n\
             pub fn decode(block: &[u8; Self::LENGTH]) -> Self {{\n{reads}\n}}\n}}\n",
            default = if big_array(members) { "" } else { "Default, " },
            fields = struct_fields(schema, members),
            default_impl = default_impl(schema, &name, members, ""),
            length = composite.length,
            constants = constant_items(schema, members),
            writes = write_members(schema, members, "self", 0, composite.length),
            reads = read_kind(schema, Kind::Composite(index), 0, "block"),
        )
}

/// Whether `Default` cannot be derived: arrays have it up to 32 items.
pub(super) fn big_array(members: &[Member]) -> bool {
    visible(members)
        .any(|m| m.since == 0 && matches!(m.kind, Kind::Array(_, length) if length > 32))
}

/// `Default` by hand where it cannot be derived; `parts` are the values of what is no member.
pub(super) fn default_impl(schema: &Schema, name: &str, members: &[Member], parts: &str) -> String {
    if !big_array(members) {
        return String::new();
    }
    let one = |member: &Member| {
        let field = names::field(&member.name);
        match member.kind {
            Kind::Array(primitive, length) if member.since == 0 => {
                let zero = if primitive.is_float() { "0.0" } else { "0" };
                format!("{field}: [{zero}; {length}],")
            }
            _ => format!(
                "{field}: {}::default(),",
                member_type(schema, member).replace("Option<", "Option::<")
            ),
        }
    };
    let fields: String = visible(members).map(one).collect();
    format!(
        "impl Default for {name} {{\nfn default() -> Self {{\nSelf {{ {fields}{parts} }}\n}}\n}}\n\n"
    )
}

/// A struct's fields with their documentation.
pub(super) fn struct_fields(schema: &Schema, members: &[Member]) -> String {
    let one = |member: &Member| {
        format!(
            "{}pub {}: {},\n",
            field_doc(schema, member),
            names::field(&member.name),
            member_type(schema, member)
        )
    };
    visible(members).map(one).collect()
}

/// The schema's words on a field, else on its type.
pub(super) fn field_doc(schema: &Schema, member: &Member) -> String {
    let of_type = match member.kind {
        Kind::Enum(index) => schema.enums[index].description.clone(),
        Kind::Set(index) => schema.sets[index].description.clone(),
        Kind::Composite(index) => schema.composites[index].description.clone(),
        _ => format!("The field `{}`.", member.name),
    };
    let otherwise = if of_type.is_empty() { kind_type(schema, member.kind) } else { of_type };
    let mut text = doc(&member.description, &otherwise);
    if member.since > 0 {
        text += &format!("/// Since version {}: older writers have none.\n", member.since);
    }
    text
}
