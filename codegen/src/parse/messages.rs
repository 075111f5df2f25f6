//! `<message>`, and what stands in one or in an entry of a group: fields, groups, data.

use roxmltree::Node;

use super::{BLOCK_LENGTH_MAX, Named, Parsed, Parser};
use crate::model::{Body, Kind, Member, Message, Presence, Primitive};

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
        let id = self.id(node)?;
        if let Some(other) = self.schema.messages.iter().find(|m| m.id == id || m.name == name) {
            let message =
                format!("`{name}` with id {id}, after `{}` with id {}", other.name, other.id);
            return self.fault(node, message);
        }
        let body = self.body(node, 0)?;
        self.schema.messages.push(Message { name, description, id, body });
        Ok(())
    }

    /// What stands inside of a message or group that version `since` brought.
    ///
    /// Groups follow fields and data follow groups, as on the wire.
    pub(super) fn body(&self, node: Node<'a, '_>, since: u16) -> Parsed<Body> {
        let mut body = Body::default();
        // What stands there already: element, field id, name, the version that brought it.
        let mut seen: Vec<(&str, u16, String, u16)> = Vec::new();
        for child in Self::elements(node) {
            let element = child.tag_name().name();
            let (id, name, child_since) = match element {
                "field" => {
                    let field = self.field(child, body.block_length, since)?;
                    let key = (field.id, field.name.clone(), field.since);
                    body.block_length =
                        self.place(child, &mut body.fields, field, body.block_length)?;
                    key
                }
                "group" => {
                    body.groups.push(self.group(child, since)?);
                    body.groups.last().map(|g| (g.id, g.name.clone(), g.since)).unwrap_or_default()
                }
                "data" => {
                    body.data.push(self.data(child, since)?);
                    body.data.last().map(|d| (d.id, d.name.clone(), d.since)).unwrap_or_default()
                }
                _ => return self.fault(child, format!("<{element}> in a message")),
            };
            self.behind(child, &seen, (element, id, &name, child_since))?;
            seen.push((element, id, name, child_since));
        }
        let length = body.block_length;
        body.block_length = match self.number::<usize>(node, "blockLength")? {
            Some(stated) if stated < length || stated > BLOCK_LENGTH_MAX => {
                let message = format!("blockLength=\"{stated}\": the fields take {length} bytes");
                return self.fault(node, message);
            }
            Some(stated) => stated,
            None => length,
        };
        Ok(body)
    }

    /// Whether an element may stand behind those of `seen`.
    fn behind(
        &self,
        node: Node<'a, '_>,
        seen: &[(&str, u16, String, u16)],
        (element, id, name, since): (&str, u16, &str, u16),
    ) -> Parsed<()> {
        if let Some((_, _, other, _)) = seen.iter().find(|(_, other, ..)| *other == id) {
            return self.fault(node, format!("field id {id} is `{other}` already"));
        }
        if seen.iter().any(|(_, _, other, _)| other == name) {
            return self.fault(node, format!("`{name}` is there twice"));
        }
        let Some((before, _, _, before_since)) = seen.last() else { return Ok(()) };
        let rank =
            |element: &str| ["field", "group", "data"].iter().position(|known| *known == element);
        if rank(before) > rank(element) {
            return self.fault(node, format!("`{name}`: a {element} behind a {before}"));
        }
        if *before == element && *before_since > since {
            return self.fault(node, format!("`{name}` is older than the {element} before it"));
        }
        Ok(())
    }

    pub(super) fn id(&self, node: Node<'a, '_>) -> Parsed<u16> {
        self.required(node, "id")?;
        Ok(self.number(node, "id")?.unwrap_or_default())
    }

    /// The version that brought it; 0 if what holds it is no older, so that it is never missing.
    pub(super) fn since(&self, node: Node<'a, '_>, holder_since: u16) -> Parsed<u16> {
        let since: u16 = self.number(node, "sinceVersion")?.unwrap_or_default();
        if since > self.schema.version {
            let version = self.schema.version;
            return self
                .fault(node, format!("sinceVersion {since} in a schema of version {version}"));
        }
        Ok(if since > holder_since { since } else { 0 })
    }

    fn field(&self, node: Node<'a, '_>, offset: usize, holder_since: u16) -> Parsed<Member> {
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
        let id = self.id(node)?;
        let since = self.since(node, holder_since)?;
        let type_name = self.required(node, "type")?;
        let (kind, inherited, of_type) = match self.find(type_name) {
            Some(Named::Encoding(e)) => (e.kind, e.presence.clone(), e.description.as_str()),
            Some(Named::Kind { kind, .. }) => (*kind, Presence::Required, ""),
            Some(Named::Dimension { .. } | Named::Data { .. }) => {
                return self.fault(node, format!("the type `{type_name}` is no field's"));
            }
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
