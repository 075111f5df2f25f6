//! Reads SBE 1.0 XML into the model, or says in which line it does not.
//!
//! Every element and attribute is known here or refused: a construct that is skipped in silence
//! would give a decoder that disagrees with everyone else's. Ignored on purpose, since they change
//! no byte: `deprecated`, `semanticType`, `minValue`, `characterEncoding`, `timeUnit`, `epoch`, and
//! `maxValue` but for the lengths of groups and data.

mod encodings;
mod kinds;
mod messages;
mod parts;
mod xml;

use std::fmt;

use roxmltree::{Document, Node};

use crate::model::{Counter, Dimension, Kind, Presence, Schema};

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

/// What a type's name may stand for.
#[derive(Clone, Debug)]
enum Named {
    Encoding(Encoding),
    Kind {
        name: String,
        kind: Kind,
    },
    /// A composite that stands before the entries of groups.
    Dimension {
        name: String,
        dimension: Dimension,
    },
    /// A composite of a length and of that many bytes.
    Data {
        name: String,
        length: Counter,
        is_text: bool,
    },
}

impl Named {
    fn name(&self) -> &str {
        match self {
            Self::Encoding(encoding) => &encoding.name,
            Self::Kind { name, .. } | Self::Dimension { name, .. } | Self::Data { name, .. } => {
                name
            }
        }
    }
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
                "composite" if Self::is_part(node) => {
                    let part = self.part(node)?;
                    self.unused_name(node, part.name())?;
                    self.named.push(part);
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
        self.named.iter().find(|named| named.name() == wanted)
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
}
