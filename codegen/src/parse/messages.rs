//! `<message>` and its fields.

use roxmltree::Node;

use super::{BLOCK_LENGTH_MAX, Named, Parsed, Parser};
use crate::model::{Kind, Member, Message, Presence, Primitive};

impl<'a> Parser<'a, '_> {
    pub(super) fn message(&mut self, node: Node<'a, '_>) -> Parsed<()> {
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
