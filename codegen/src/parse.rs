//! Reads SBE 1.0 XML into the model, or says in which line it does not.
//!
//! Every element and attribute is known here or refused: a construct that is skipped in silence
//! would give a decoder that disagrees with everyone else's. Ignored on purpose, since they change
//! no byte: `deprecated`, `semanticType`, `minValue`, `maxValue`, `characterEncoding`, `timeUnit`,
//! `epoch`.

use std::fmt;

use roxmltree::{Document, Node};

use crate::model::{
    Choice, Composite, Constant, Enum, EnumValue, Kind, Member, Message, Number, Presence,
    Primitive, Schema, Set,
};

/// Blocks and composites stay below what the header's 16 bits can say.
const BLOCK_LENGTH_MAX: usize = 65_534;

/// A schema that cannot be used, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// The file, as it was named to [`parse`].
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong there, with the values.
    pub message: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

impl std::error::Error for SchemaError {}

type Fault = (u32, String);
type Parsed<T> = Result<T, Fault>;

/// A `<type>` under `<types>`.
#[derive(Clone, Debug)]
struct Encoding {
    name: String,
    description: String,
    kind: Kind,
    presence: Presence,
}

/// What a field's `type` may name.
#[derive(Clone, Debug)]
enum Named {
    Encoding(Encoding),
    Kind { name: String, kind: Kind },
}

struct Parser<'a, 'input> {
    document: &'a Document<'input>,
    schema: Schema,
    named: Vec<Named>,
    header_type: String,
    header_seen: bool,
}

/// Reads a schema.
///
/// `path` is only named in errors.
///
/// # Errors
/// The first construct that is wrong or not supported, with its line.
pub fn parse(path: &str, text: &str) -> Result<Schema, SchemaError> {
    let error = |(line, message)| SchemaError { path: path.to_owned(), line, message };
    let document = Document::parse(text).map_err(|e| error((e.pos().row, e.to_string())))?;
    let mut parser = Parser {
        document: &document,
        schema: Schema { path: path.to_owned(), ..Schema::default() },
        named: Vec::new(),
        header_type: String::new(),
        header_seen: false,
    };
    parser.message_schema(document.root_element()).map_err(error)?;
    Ok(parser.schema)
}

impl<'a> Parser<'a, '_> {
    fn line(&self, node: Node<'a, '_>) -> u32 {
        self.document.text_pos_at(node.range().start).row
    }

    fn fault<T>(&self, node: Node<'a, '_>, message: impl Into<String>) -> Parsed<T> {
        Err((self.line(node), message.into()))
    }

    fn attributes(&self, node: Node<'a, '_>, known: &[&str]) -> Parsed<()> {
        for attribute in node.attributes() {
            if attribute.namespace().is_none() && !known.contains(&attribute.name()) {
                let (name, element) = (attribute.name(), node.tag_name().name());
                return self
                    .fault(node, format!("attribute `{name}` of <{element}> is not supported"));
            }
        }
        Ok(())
    }

    fn required(&self, node: Node<'a, '_>, name: &str) -> Parsed<&'a str> {
        match node.attribute(name) {
            Some(value) => Ok(value),
            None => {
                self.fault(node, format!("<{}> has no attribute `{name}`", node.tag_name().name()))
            }
        }
    }

    fn number<T: std::str::FromStr>(&self, node: Node<'a, '_>, name: &str) -> Parsed<Option<T>> {
        let Some(text) = node.attribute(name) else { return Ok(None) };
        match text.trim().parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => self.fault(node, format!("{name}=\"{text}\" is no number in range")),
        }
    }

    fn name(&self, node: Node<'a, '_>) -> Parsed<String> {
        let name = self.required(node, "name")?;
        let mut characters = name.chars();
        let starts = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !starts || !characters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return self.fault(node, format!("name \"{name}\" is no SBE symbolic name"));
        }
        Ok(name.to_owned())
    }

    fn description(node: Node<'a, '_>) -> String {
        node.attribute("description").unwrap_or_default().trim().to_owned()
    }

    fn text(node: Node<'a, '_>) -> String {
        node.text().unwrap_or_default().trim().to_owned()
    }

    fn elements<'n, 'i>(node: Node<'n, 'i>) -> impl Iterator<Item = Node<'n, 'i>> {
        node.children().filter(Node::is_element)
    }

    fn message_schema(&mut self, root: Node<'a, '_>) -> Parsed<()> {
        if root.tag_name().name() != "messageSchema" {
            return self.fault(root, "the root element is not <messageSchema>");
        }
        self.attributes(
            root,
            &[
                "package",
                "id",
                "version",
                "semanticVersion",
                "description",
                "byteOrder",
                "headerType",
            ],
        )?;
        let order = root.attribute("byteOrder").unwrap_or("littleEndian");
        if order != "littleEndian" {
            return self
                .fault(root, format!("byteOrder=\"{order}\": only littleEndian is supported"));
        }
        self.schema.package = root.attribute("package").unwrap_or_default().to_owned();
        self.schema.description = Self::description(root);
        self.required(root, "id")?;
        self.schema.id = self.number(root, "id")?.unwrap_or_default();
        self.schema.version = self.number(root, "version")?.unwrap_or_default();
        self.header_type = root.attribute("headerType").unwrap_or("messageHeader").to_owned();
        for node in Self::elements(root) {
            match node.tag_name().name() {
                "types" => self.types(node)?,
                "message" => {}
                other => return self.fault(node, format!("<{other}> is not supported here")),
            }
        }
        if !self.header_seen {
            let name = &self.header_type;
            return self.fault(root, format!("the header type `{name}` is not defined"));
        }
        for node in Self::elements(root).filter(|node| node.tag_name().name() == "message") {
            self.message(node)?;
        }
        Ok(())
    }

    fn types(&mut self, types: Node<'a, '_>) -> Parsed<()> {
        self.attributes(types, &["package"])?;
        for node in Self::elements(types) {
            match node.tag_name().name() {
                "type" => {
                    let encoding = self.encoding(node)?;
                    self.unused_name(node, &encoding.name)?;
                    self.named.push(Named::Encoding(encoding));
                }
                _ => {
                    self.named_kind(node)?;
                }
            }
        }
        Ok(())
    }

    /// An enum, set or composite: defined and given a name.
    fn named_kind(&mut self, node: Node<'a, '_>) -> Parsed<Option<Kind>> {
        let element = node.tag_name().name();
        if !matches!(element, "enum" | "set" | "composite") {
            return self.fault(node, format!("<{element}> is not supported here"));
        }
        let name = self.name(node)?;
        self.unused_name(node, &name)?;
        let kind = match element {
            "enum" => self.enumeration(node)?,
            "set" => self.set(node)?,
            _ if name == self.header_type => return self.header(node).map(|()| None),
            _ => self.composite(node)?,
        };
        // A composite defines what is nested in it first: the name may be taken by now.
        self.unused_name(node, &name)?;
        self.named.push(Named::Kind { name, kind });
        Ok(Some(kind))
    }

    fn unused_name(&self, node: Node<'a, '_>, name: &str) -> Parsed<()> {
        if self.find(name).is_some() {
            return self.fault(node, format!("the type `{name}` is defined twice"));
        }
        Ok(())
    }

    fn find(&self, wanted: &str) -> Option<&Named> {
        self.named.iter().find(|named| match named {
            Named::Encoding(encoding) => encoding.name == wanted,
            Named::Kind { name, .. } => name == wanted,
        })
    }

    /// The header is the standard one: generated code counts on its eight bytes.
    fn header(&mut self, node: Node<'a, '_>) -> Parsed<()> {
        self.attributes(node, &["name", "description", "semanticType"])?;
        let names: Vec<_> = Self::elements(node)
            .map(|m| (m.attribute("name"), m.attribute("primitiveType"), m.attribute("offset")))
            .collect();
        let standard = ["blockLength", "templateId", "schemaId", "version"];
        let same = names.len() == standard.len()
            && names.iter().zip(standard).enumerate().all(|(index, (member, name))| {
                let offset = member.2.is_none_or(|offset| offset.parse() == Ok(2 * index));
                member.0 == Some(name) && member.1 == Some("uint16") && offset
            });
        if !same {
            let message = "the message header must be blockLength, templateId, schemaId, version, \
                           each uint16";
            return self.fault(node, message);
        }
        self.header_seen = true;
        Ok(())
    }

    fn encoding(&self, node: Node<'a, '_>) -> Parsed<Encoding> {
        self.attributes(
            node,
            &[
                "name",
                "description",
                "primitiveType",
                "length",
                "presence",
                "nullValue",
                "minValue",
                "maxValue",
                "characterEncoding",
                "semanticType",
                "timeUnit",
                "epoch",
                "deprecated",
                "sinceVersion",
                "valueRef",
                "offset",
            ],
        )?;
        let name = self.name(node)?;
        let primitive_name = self.required(node, "primitiveType")?;
        let Some(primitive) = Primitive::from_name(primitive_name) else {
            return self.fault(node, format!("primitiveType=\"{primitive_name}\" is unknown"));
        };
        let text = Self::text(node);
        let constant = node.attribute("presence") == Some("constant");
        let length = match self.number::<usize>(node, "length")? {
            Some(0) => return self.fault(node, "length=\"0\": var data is not supported"),
            Some(length) if length > BLOCK_LENGTH_MAX => {
                return self.fault(node, format!("length=\"{length}\" is too long"));
            }
            Some(length) => length,
            None if constant && primitive == Primitive::Char && text.len() > 1 => text.len(),
            None => 1,
        };
        let kind = if length > 1 || (primitive == Primitive::Char && node.has_attribute("length")) {
            Kind::Array(primitive, length)
        } else {
            Kind::Scalar(primitive)
        };
        let presence = self.presence(node, kind, &Presence::Required)?;
        let description = Self::description(node);
        Ok(Encoding { name, description, kind, presence })
    }

    /// The presence that `node` states, else the one inherited from its type.
    fn presence(&self, node: Node<'a, '_>, kind: Kind, inherited: &Presence) -> Parsed<Presence> {
        let null = node.attribute("nullValue");
        let value_ref = node.attribute("valueRef");
        let stated = node.attribute("presence");
        if null.is_some() && stated != Some("optional") {
            return self.fault(node, "nullValue stands only beside presence=\"optional\"");
        }
        if value_ref.is_some() && stated != Some("constant") {
            return self.fault(node, "valueRef stands only beside presence=\"constant\"");
        }
        match stated {
            None => Ok(inherited.clone()),
            Some("required") => Ok(Presence::Required),
            Some("constant") => match (inherited, value_ref) {
                (Presence::Constant(_), None) => Ok(inherited.clone()),
                _ => self.constant(node, kind, value_ref).map(Presence::Constant),
            },
            Some("optional") => {
                let primitive = match kind {
                    Kind::Scalar(primitive) => primitive,
                    Kind::Enum(index) => self.schema.enums[index].primitive,
                    _ => {
                        let message =
                            "presence=\"optional\" is supported on numbers and enums only";
                        return self.fault(node, message);
                    }
                };
                let default = match (inherited, kind) {
                    (Presence::Optional(null), _) => *null,
                    (_, Kind::Enum(index)) => self.schema.enums[index].null,
                    _ => primitive.null(),
                };
                let null = null.map(|text| self.value(node, primitive, text)).transpose()?;
                Ok(Presence::Optional(null.unwrap_or(default)))
            }
            Some(other) => self.fault(node, format!("presence=\"{other}\" is unknown")),
        }
    }

    fn constant(
        &self,
        node: Node<'a, '_>,
        kind: Kind,
        value_ref: Option<&str>,
    ) -> Parsed<Constant> {
        if let Some(value_ref) = value_ref {
            let Kind::Enum(index) = kind else {
                return self.fault(node, "valueRef is supported on fields of an enum's type only");
            };
            let known = &self.schema.enums[index];
            let value = value_ref.split_once('.').filter(|(name, _)| *name == known.name);
            let found = value.and_then(|(_, v)| known.values.iter().position(|k| k.name == v));
            return match found {
                Some(value) => Ok(Constant::EnumValue(value)),
                None => self.fault(node, format!("valueRef=\"{value_ref}\" names no value")),
            };
        }
        let text = Self::text(node);
        match kind {
            Kind::Scalar(primitive) => self.value(node, primitive, &text).map(Constant::Number),
            Kind::Array(Primitive::Char, length) if text.len() <= length => {
                let mut bytes = text.into_bytes();
                bytes.resize(length, 0);
                Ok(Constant::Text(bytes))
            }
            Kind::Array(Primitive::Char, length) => {
                self.fault(node, format!("the constant \"{text}\" is longer than {length} bytes"))
            }
            _ => self.fault(node, "a constant of this type is not supported"),
        }
    }

    /// A number in `text`; a character stands for its code.
    fn value(&self, node: Node<'a, '_>, primitive: Primitive, text: &str) -> Parsed<Number> {
        if primitive.is_float() {
            return match text.parse::<f64>() {
                Ok(value) if primitive == Primitive::Float && !value.is_nan() => {
                    // The wire holds 32 bits: a value in between could never be met again.
                    #[expect(clippy::cast_possible_truncation, reason = "compared right after")]
                    let narrow = value as f32;
                    Ok(Number::Float(f64::from(narrow)))
                }
                Ok(value) => Ok(Number::Float(value)),
                Err(_) => self.fault(node, format!("\"{text}\" is no number")),
            };
        }
        let character = (primitive == Primitive::Char && text.len() == 1)
            .then(|| i128::from(text.as_bytes()[0]));
        let value = character.or_else(|| match text.strip_prefix("0x") {
            Some(digits) => i128::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        });
        let (least, greatest) = primitive.range().unwrap_or_default();
        match value {
            Some(value) if (least..=greatest).contains(&value) => Ok(Number::Integer(value)),
            _ => self.fault(node, format!("\"{text}\" is no number from {least} to {greatest}")),
        }
    }

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

    fn enumeration(&mut self, node: Node<'a, '_>) -> Parsed<Kind> {
        let known = [
            "name",
            "description",
            "encodingType",
            "semanticType",
            "sinceVersion",
            "deprecated",
            "offset",
        ];
        self.attributes(node, &known)?;
        let (primitive, null) = self.encoding_type(node)?;
        let mut values: Vec<EnumValue> = Vec::new();
        for child in Self::elements(node) {
            if child.tag_name().name() != "validValue" {
                return self.fault(child, format!("<{}> in an enum", child.tag_name().name()));
            }
            self.attributes(child, &["name", "description", "sinceVersion", "deprecated"])?;
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

    fn set(&mut self, node: Node<'a, '_>) -> Parsed<Kind> {
        let known = [
            "name",
            "description",
            "encodingType",
            "semanticType",
            "sinceVersion",
            "deprecated",
            "offset",
        ];
        self.attributes(node, &known)?;
        let (primitive, _) = self.encoding_type(node)?;
        if primitive.is_signed() || primitive == Primitive::Char {
            return self.fault(node, "a set is encoded in an unsigned integer");
        }
        let mut choices: Vec<Choice> = Vec::new();
        for child in Self::elements(node) {
            if child.tag_name().name() != "choice" {
                return self.fault(child, format!("<{}> in a set", child.tag_name().name()));
            }
            self.attributes(child, &["name", "description", "sinceVersion", "deprecated"])?;
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

    fn composite(&mut self, node: Node<'a, '_>) -> Parsed<Kind> {
        let known = ["name", "description", "semanticType", "sinceVersion", "deprecated", "offset"];
        self.attributes(node, &known)?;
        let mut members: Vec<Member> = Vec::new();
        let mut length = 0;
        for child in Self::elements(node) {
            if child.attribute("sinceVersion").is_some_and(|version| version != "0") {
                return self.fault(child, "sinceVersion inside a composite is not supported");
            }
            let (name, description) = (self.name(child)?, Self::description(child));
            let (kind, presence) = if child.tag_name().name() == "type" {
                let encoding = self.encoding(child)?;
                (encoding.kind, encoding.presence)
            } else {
                match self.named_kind(child)? {
                    Some(kind) => (kind, Presence::Required),
                    None => return self.fault(child, "a message header in a composite"),
                }
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

    /// Adds `member` at its offset and returns where the next one begins.
    fn place(
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

    fn message(&mut self, node: Node<'a, '_>) -> Parsed<()> {
        let known = [
            "name",
            "id",
            "description",
            "blockLength",
            "semanticType",
            "sinceVersion",
            "deprecated",
        ];
        self.attributes(node, &known)?;
        let (name, description) = (self.name(node)?, Self::description(node));
        self.required(node, "id")?;
        let id: u16 = self.number(node, "id")?.unwrap_or_default();
        if let Some(other) = self.schema.messages.iter().find(|m| m.id == id || m.name == name) {
            let message =
                format!("`{name}` with id {id}, after `{}` with id {}", other.name, other.id);
            return self.fault(node, message);
        }
        let mut fields: Vec<Member> = Vec::new();
        let mut length = 0;
        for child in Self::elements(node) {
            let element = child.tag_name().name();
            if element != "field" {
                return self.fault(child, format!("<{element}> in a message is not supported"));
            }
            let field = self.field(child, length)?;
            if let Some(other) = fields.iter().find(|other| other.id == field.id) {
                let message = format!("field id {} is `{}` already", field.id, other.name);
                return self.fault(child, message);
            }
            if fields.last().is_some_and(|last| last.since > field.since) {
                let message = format!("`{}` is older than the field before it", field.name);
                return self.fault(child, message);
            }
            length = self.place(child, &mut fields, field, length)?;
        }
        let block_length = match self.number::<usize>(node, "blockLength")? {
            Some(stated) if stated < length || stated > BLOCK_LENGTH_MAX => {
                let message = format!("blockLength=\"{stated}\": the fields take {length} bytes");
                return self.fault(node, message);
            }
            Some(stated) => stated,
            None => length,
        };
        self.schema.messages.push(Message { name, description, id, fields, block_length });
        Ok(())
    }

    fn field(&self, node: Node<'a, '_>, offset: usize) -> Parsed<Member> {
        self.attributes(
            node,
            &[
                "name",
                "id",
                "type",
                "description",
                "offset",
                "presence",
                "nullValue",
                "valueRef",
                "sinceVersion",
                "deprecated",
                "semanticType",
                "timeUnit",
                "epoch",
            ],
        )?;
        let name = self.name(node)?;
        self.required(node, "id")?;
        let id = self.number(node, "id")?.unwrap_or_default();
        let since = self.number(node, "sinceVersion")?.unwrap_or_default();
        if since > self.schema.version {
            let version = self.schema.version;
            return self
                .fault(node, format!("sinceVersion {since} in a schema of version {version}"));
        }
        let type_name = self.required(node, "type")?;
        let (kind, inherited, of_type) = match self.find(type_name) {
            Some(Named::Encoding(e)) => (e.kind, e.presence.clone(), e.description.as_str()),
            Some(Named::Kind { kind, .. }) => (*kind, Presence::Required, ""),
            None => match Primitive::from_name(type_name) {
                Some(primitive) => (Kind::Scalar(primitive), Presence::Required, ""),
                None => return self.fault(node, format!("the type `{type_name}` is not defined")),
            },
        };
        let presence = self.presence(node, kind, &inherited)?;
        let own = Self::description(node);
        let description = [own.as_str(), of_type].join(" ").trim().to_owned();
        let line = self.line(node);
        let type_name = type_name.to_owned();
        Ok(Member { name, description, type_name, id, line, offset, since, kind, presence })
    }
}
