//! The composites before groups and data, and `<group>` and `<data>` themselves.

use roxmltree::Node;

use super::{BLOCK_LENGTH_MAX, Named, Parsed, Parser};
use crate::model::{Counter, Data, Dimension, Group, Primitive};

/// The dimension type of a group that names none.
const DIMENSION: &str = "groupSizeEncoding";

impl<'a> Parser<'a, '_> {
    /// Whether a composite is no field's type: by the names of its members, as in every schema.
    pub(super) fn is_part(node: Node<'a, '_>) -> bool {
        Self::elements(node)
            .any(|member| matches!(member.attribute("name"), Some("numInGroup" | "varData")))
    }

    /// The composite before a group's entries, or the one of a length and data.
    pub(super) fn part(&self, node: Node<'a, '_>) -> Parsed<Named> {
        self.attributes(node, &["name", "description", "semanticType"])?;
        let name = self.name(node)?;
        let members: Vec<_> = Self::elements(node).collect();
        let names: Vec<_> = members.iter().map(|member| member.attribute("name")).collect();
        match (&names[..], &members[..]) {
            ([Some("blockLength"), Some("numInGroup")], &[block_length, count]) => {
                let block_length = self.counter(block_length, 0)?;
                let end = block_length.offset + block_length.primitive.size();
                let count = self.counter(count, end)?;
                if block_length.primitive == Primitive::Uint32 {
                    return self.fault(members[0], "a blockLength of more than 16 bits");
                }
                let length = count.offset + count.primitive.size();
                let dimension = Dimension { block_length, count, length };
                Ok(Named::Dimension { name, dimension })
            }
            ([Some("length"), Some("varData")], &[length, data]) => {
                let length = self.counter(length, 0)?;
                if length.offset != 0 {
                    return self.fault(node, "bytes before the length of data");
                }
                let is_text = self.var_data(data)?;
                Ok(Named::Data { name, length, is_text })
            }
            _ => {
                let message = "a composite with numInGroup or varData is blockLength and \
                               numInGroup, or length and varData";
                self.fault(node, message)
            }
        }
    }

    /// An unsigned number of at most 32 bits, at `end` or further on.
    fn counter(&self, node: Node<'a, '_>, end: usize) -> Parsed<Counter> {
        let known = ["name", "description", "primitiveType", "offset", "minValue", "maxValue"];
        self.attributes(node, &[&known[..], &["semanticType", "presence"]].concat())?;
        if node.attribute("presence").is_some_and(|presence| presence != "required") {
            return self.fault(node, "a length is always there");
        }
        let primitive = match self.required(node, "primitiveType")? {
            "uint8" => Primitive::Uint8,
            "uint16" => Primitive::Uint16,
            "uint32" => Primitive::Uint32,
            other => return self.fault(node, format!("primitiveType=\"{other}\" of a length")),
        };
        let fits = (1_u64 << (8 * primitive.size())) - 2;
        let most = self.number(node, "maxValue")?.map_or(fits, |stated: u64| stated.min(fits));
        let offset = self.number(node, "offset")?.unwrap_or(end);
        if offset < end || offset > usize::from(u8::MAX) {
            return self.fault(node, format!("offset=\"{offset}\" of a length, after {end}"));
        }
        Ok(Counter { offset, primitive, most })
    }

    /// Whether the bytes are characters.
    fn var_data(&self, node: Node<'a, '_>) -> Parsed<bool> {
        let known = ["name", "description", "primitiveType", "length", "characterEncoding"];
        self.attributes(node, &[&known[..], &["semanticType"]].concat())?;
        if node.attribute("length").is_some_and(|length| length != "0") {
            return self.fault(node, "the length of varData is \"0\"");
        }
        match self.required(node, "primitiveType")? {
            "char" => Ok(true),
            "uint8" => Ok(node.has_attribute("characterEncoding")),
            other => self.fault(node, format!("primitiveType=\"{other}\" of varData")),
        }
    }

    /// A group in what `holder_since` brought.
    pub(super) fn group(&self, node: Node<'a, '_>, holder_since: u16) -> Parsed<Group> {
        let known = ["name", "id", "description", "dimensionType", "blockLength", "sinceVersion"];
        self.attributes(node, &[&known[..], &["deprecated", "semanticType"]].concat())?;
        let name = self.name(node)?;
        let id = self.id(node)?;
        let since = self.since(node, holder_since)?;
        let type_name = node.attribute("dimensionType").unwrap_or(DIMENSION);
        let Some(Named::Dimension { dimension, .. }) = self.find(type_name) else {
            return self.fault(node, format!("dimensionType=\"{type_name}\" names no dimensions"));
        };
        let body = self.body(node, since.max(holder_since))?;
        let most = dimension.block_length.most.min(BLOCK_LENGTH_MAX as u64);
        if body.block_length as u64 > most {
            let length = body.block_length;
            return self.fault(node, format!("entries of {length} bytes, more than {most}"));
        }
        // Whoever reads the group can then be sure that the bytes bound the entries.
        let has_bytes = body.fields.iter().any(|field| field.since == 0 && !field.is_constant())
            || body.groups.iter().any(|group| group.since == 0)
            || body.data.iter().any(|data| data.since == 0);
        if !has_bytes {
            return self.fault(node, format!("entries of `{name}` without bytes"));
        }
        let (description, dimension) = (Self::description(node), *dimension);
        Ok(Group { name, description, id, since, dimension, body })
    }

    /// Data in what `holder_since` brought.
    pub(super) fn data(&self, node: Node<'a, '_>, holder_since: u16) -> Parsed<Data> {
        let known = ["name", "id", "type", "description", "sinceVersion", "deprecated"];
        self.attributes(node, &[&known[..], &["semanticType"]].concat())?;
        let name = self.name(node)?;
        let id = self.id(node)?;
        let since = self.since(node, holder_since)?;
        let type_name = self.required(node, "type")?.to_owned();
        let Some(&Named::Data { length, is_text, .. }) = self.find(&type_name) else {
            return self.fault(node, format!("the type `{type_name}` is no length and varData"));
        };
        let description = Self::description(node);
        Ok(Data { name, description, type_name, id, since, length, is_text })
    }
}
