//! `<enum>`, `<set>` and `<composite>`.

use roxmltree::Node;

use super::{BLOCK_LENGTH_MAX, Encoding, Named, Parsed, Parser};
use crate::model::{
    Choice, Composite, Enum, EnumValue, Kind, Member, Number, Presence, Primitive, Set,
};

/// Attributes of an enum or set, and of one of its codes.
const CODED: &[&str] = &[
    "name",
    "description",
    "encodingType",
    "semanticType",
    "sinceVersion",
    "deprecated",
    "offset",
];
const CODE: &[&str] = &["name", "description", "sinceVersion", "deprecated"];

impl<'a> Parser<'a, '_> {
    /// The integer encoding of an enum or set, with its null value.
    fn encoding_type(&self, node: Node<'a, '_>) -> Parsed<(Primitive, Number)> {
        let name = self.required(node, "encodingType")?;
        if let Some(primitive) = Primitive::from_name(name) {
            if primitive.is_float() {
                return self.fault(node, format!("encodingType=\"{name}\" is no integer"));
            }
            return Ok((primitive, primitive.null()));
        }
        match self.find(name) {
            Some(Named::Encoding(Encoding { kind: Kind::Scalar(primitive), presence, .. }))
                if !primitive.is_float() =>
            {
                match presence {
                    Presence::Optional(null) => Ok((*primitive, *null)),
                    _ => Ok((*primitive, primitive.null())),
                }
            }
            _ => self.fault(node, format!("encodingType=\"{name}\" names no integer type")),
        }
    }

    pub(super) fn enumeration(&mut self, node: Node<'a, '_>) -> Parsed<Kind> {
        self.attributes(node, CODED)?;
        let (primitive, null) = self.encoding_type(node)?;
        let mut values: Vec<EnumValue> = Vec::new();
        for child in Self::elements(node) {
            if child.tag_name().name() != "validValue" {
                return self.fault(child, format!("<{}> in an enum", child.tag_name().name()));
            }
            self.attributes(child, CODE)?;
            let name = self.name(child)?;
            let Number::Integer(code) = self.value(child, primitive, &Self::text(child))? else {
                return self.fault(child, "an enum's value is an integer");
            };
            if values.iter().any(|value| value.name == name || value.code == code) {
                return self.fault(child, format!("`{name}` or its code {code} is there already"));
            }
            values.push(EnumValue { name, description: Self::description(child), code });
        }
        let (name, description) = (self.name(node)?, Self::description(node));
        self.schema.enums.push(Enum { name, description, primitive, null, values });
        Ok(Kind::Enum(self.schema.enums.len() - 1))
    }

    pub(super) fn set(&mut self, node: Node<'a, '_>) -> Parsed<Kind> {
        self.attributes(node, CODED)?;
        let (primitive, _) = self.encoding_type(node)?;
        if primitive.is_signed() || primitive == Primitive::Char {
            return self.fault(node, "a set is encoded in an unsigned integer");
        }
        let mut choices: Vec<Choice> = Vec::new();
        for child in Self::elements(node) {
            if child.tag_name().name() != "choice" {
                return self.fault(child, format!("<{}> in a set", child.tag_name().name()));
            }
            self.attributes(child, CODE)?;
            let (name, text) = (self.name(child)?, Self::text(child));
            let bits = 8 * primitive.size() as u32;
            let bit = match text.parse::<u32>() {
                Ok(bit) if bit < bits => bit,
                _ => return self.fault(child, format!("\"{text}\" is no bit below {bits}")),
            };
            if choices.iter().any(|choice| choice.name == name || choice.bit == bit) {
                return self.fault(child, format!("`{name}` or its bit {bit} is there already"));
            }
            choices.push(Choice { name, description: Self::description(child), bit });
        }
        let (name, description) = (self.name(node)?, Self::description(node));
        self.schema.sets.push(Set { name, description, primitive, choices });
        Ok(Kind::Set(self.schema.sets.len() - 1))
    }

    pub(super) fn composite(&mut self, node: Node<'a, '_>) -> Parsed<Kind> {
        let known = ["name", "description", "semanticType", "sinceVersion", "deprecated", "offset"];
        self.attributes(node, &known)?;
        let mut members: Vec<Member> = Vec::new();
        let mut length = 0;
        for child in Self::elements(node) {
            if child.attribute("sinceVersion").is_some_and(|version| version != "0") {
                return self.fault(child, "sinceVersion inside a composite is not supported");
            }
            let (name, description) = (self.name(child)?, Self::description(child));
            let (kind, presence) = match child.tag_name().name() {
                "type" => {
                    let encoding = self.encoding(child)?;
                    (encoding.kind, encoding.presence)
                }
                "ref" => self.reference(child)?,
                _ => match self.named_kind(child)? {
                    Some(kind) => (kind, Presence::Required),
                    None => return self.fault(child, "a message header in a composite"),
                },
            };
            let line = self.line(child);
            let member = Member {
                type_name: name.clone(),
                name,
                description,
                id: 0,
                line,
                offset: length,
                since: 0,
                kind,
                presence,
            };
            length = self.place(child, &mut members, member, length)?;
        }
        if members.iter().all(Member::is_constant) {
            return self.fault(node, "a composite without bytes is not supported");
        }
        let (name, description) = (self.name(node)?, Self::description(node));
        self.schema.composites.push(Composite { name, description, members, length });
        Ok(Kind::Composite(self.schema.composites.len() - 1))
    }

    /// A member of a type that is defined elsewhere.
    fn reference(&self, node: Node<'a, '_>) -> Parsed<(Kind, Presence)> {
        let known = ["name", "type", "description", "offset", "sinceVersion", "deprecated"];
        self.attributes(node, &known)?;
        let type_name = self.required(node, "type")?;
        match self.find(type_name) {
            Some(Named::Encoding(encoding)) => Ok((encoding.kind, encoding.presence.clone())),
            Some(Named::Kind { kind, .. }) => Ok((*kind, Presence::Required)),
            _ => self.fault(node, format!("the type `{type_name}` is not defined")),
        }
    }

    /// Adds `member` at its offset and returns where the next one begins.
    pub(super) fn place(
        &self,
        node: Node<'a, '_>,
        members: &mut Vec<Member>,
        mut member: Member,
        end: usize,
    ) -> Parsed<usize> {
        if members.iter().any(|other| other.name == member.name) {
            return self.fault(node, format!("`{}` is there twice", member.name));
        }
        if let Some(offset) = self.number::<usize>(node, "offset")? {
            if offset < end {
                let name = &member.name;
                return self
                    .fault(node, format!("`{name}` at {offset} overlaps what ends at {end}"));
            }
            member.offset = offset;
        }
        let size = self.schema.member_size(&member);
        let next = if size == 0 { end } else { member.offset.saturating_add(size) };
        if next > BLOCK_LENGTH_MAX {
            return self.fault(node, format!("{next} bytes, more than {BLOCK_LENGTH_MAX}"));
        }
        members.push(member);
        Ok(next)
    }
}
