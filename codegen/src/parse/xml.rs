//! Elements and attributes, with the line of what is wrong in them.

use roxmltree::Node;

use super::{Parsed, Parser};

impl<'a> Parser<'a, '_> {
    pub(super) fn line(&self, node: Node<'a, '_>) -> u32 {
        self.document.text_pos_at(node.range().start).row
    }

    pub(super) fn fault<T>(&self, node: Node<'a, '_>, message: impl Into<String>) -> Parsed<T> {
        Err((self.line(node), message.into()))
    }

    pub(super) fn attributes(&self, node: Node<'a, '_>, known: &[&str]) -> Parsed<()> {
        for attribute in node.attributes() {
            if attribute.namespace().is_none() && !known.contains(&attribute.name()) {
                let (name, element) = (attribute.name(), node.tag_name().name());
                return self
                    .fault(node, format!("attribute `{name}` of <{element}> is not supported"));
            }
        }
        Ok(())
    }

    pub(super) fn required(&self, node: Node<'a, '_>, name: &str) -> Parsed<&'a str> {
        match node.attribute(name) {
            Some(value) => Ok(value),
            None => {
                self.fault(node, format!("<{}> has no attribute `{name}`", node.tag_name().name()))
            }
        }
    }

    pub(super) fn number<T: std::str::FromStr>(
        &self,
        node: Node<'a, '_>,
        name: &str,
    ) -> Parsed<Option<T>> {
        let Some(text) = node.attribute(name) else { return Ok(None) };
        match text.trim().parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => self.fault(node, format!("{name}=\"{text}\" is no number in range")),
        }
    }

    pub(super) fn name(&self, node: Node<'a, '_>) -> Parsed<String> {
        let name = self.required(node, "name")?;
        let mut characters = name.chars();
        let starts = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !starts || !characters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return self.fault(node, format!("name \"{name}\" is no SBE symbolic name"));
        }
        Ok(name.to_owned())
    }

    pub(super) fn description(node: Node<'a, '_>) -> String {
        node.attribute("description").unwrap_or_default().trim().to_owned()
    }

    pub(super) fn text(node: Node<'a, '_>) -> String {
        node.text().unwrap_or_default().trim().to_owned()
    }

    pub(super) fn elements<'n, 'i>(node: Node<'n, 'i>) -> impl Iterator<Item = Node<'n, 'i>> {
        node.children().filter(Node::is_element)
    }
}
