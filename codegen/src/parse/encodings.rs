//! `<type>`: primitives, arrays, presence, constants and null values.

use roxmltree::Node;

use super::{BLOCK_LENGTH_MAX, Encoding, Parsed, Parser};
use crate::model::{Constant, Kind, Number, Presence, Primitive};

impl<'a> Parser<'a, '_> {
    pub(super) fn encoding(&self, node: Node<'a, '_>) -> Parsed<Encoding> {
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
            Some(0) => return self.fault(node, "length=\"0\" stands only beside the name varData"),
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
    pub(super) fn presence(
        &self,
        node: Node<'a, '_>,
        kind: Kind,
        inherited: &Presence,
    ) -> Parsed<Presence> {
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
    pub(super) fn value(
        &self,
        node: Node<'a, '_>,
        primitive: Primitive,
        text: &str,
    ) -> Parsed<Number> {
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
}
