//! Reads one table of a TOML document, key by key; what is wrong is collected with its line.
//!
//! A reader asks for each key that it knows, and `finish` names those that nobody asked for. A
//! value that is refused is reported and its default given instead, so that one look finds all
//! mistakes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Changes that still make a wrong key a misspelt one.
const EDITS_MAX: usize = 3;

/// Something that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Its line, from 1.
    pub line: usize,
    /// What is wrong: key, value, and what is allowed.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// Everything that is wrong with a configuration: at least one fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// A parsed text, and what was found wrong with it so far.
pub(super) struct Document<'a> {
    text: &'a str,
    table: Spanned<DeTable<'a>>,
    faults: RefCell<Vec<Fault>>,
}

impl<'a> Document<'a> {
    /// Parses TOML.
    pub(super) fn parse(text: &'a str) -> Result<Self, Faults> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let document = Self { text, table, faults: RefCell::default() };
        for error in &errors {
            let at = error.span().map_or(text.len(), |span| span.start);
            document.fault(at, error.message());
        }
        if errors.is_empty() { Ok(document) } else { Err(document.into_faults()) }
    }

    /// The top of the document.
    pub(super) fn root(&self) -> Section<'_> {
        let found = Some(Found { table: self.table.get_ref(), at: 0 });
        Section { document: self, path: String::new(), found, known: BTreeSet::new() }
    }

    /// What was read, if nothing was wrong.
    pub(super) fn finish<T>(self, read: T) -> Result<T, Faults> {
        if self.faults.borrow().is_empty() { Ok(read) } else { Err(self.into_faults()) }
    }

    fn into_faults(self) -> Faults {
        let mut faults = self.faults.into_inner();
        faults.sort();
        Faults(faults)
    }

    fn fault(&self, at: usize, message: impl Into<String>) {
        let (line, message) = (self.line(at), message.into());
        self.faults.borrow_mut().push(Fault { line, message });
    }

    fn line(&self, at: usize) -> usize {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }
}

/// A table that is there.
#[derive(Clone, Copy)]
struct Found<'a> {
    table: &'a DeTable<'a>,
    /// Where it begins in the text.
    at: usize,
}

/// A table of the document, or one that is left out. Calling order: each key, then `finish`.
pub(super) struct Section<'a> {
    document: &'a Document<'a>,
    /// Its name with a dot behind it; empty for the top.
    path: String,
    found: Option<Found<'a>>,
    known: BTreeSet<&'static str>,
}

/// A value and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    value: &'a DeValue<'a>,
    at: usize,
}

impl<'a> Section<'a> {
    /// The value of a key, where it is there.
    fn get(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.known.insert(key);
        let value = self.found?.table.get(key)?;
        Some(Value { value: value.get_ref(), at: value.span().start })
    }

    /// Reports a fault with a key's value.
    fn refuse(&self, key: &str, value: Value<'_>, allowed: &str) {
        let found = show(value.value);
        self.document.fault(value.at, format!("{}{key} = {found}: it is {allowed}", self.path));
    }

    /// Reports a fault of the table as a whole.
    pub(super) fn fault(&self, message: impl fmt::Display) {
        let at = self.found.map_or(0, |found| found.at);
        let name = self.path.trim_end_matches('.');
        self.document.fault(at, format!("{name}: {message}"));
    }

    /// The line where it begins, from 1.
    pub(super) fn line(&self) -> usize {
        self.document.line(self.found.map_or(0, |found| found.at))
    }

    /// Reports those of the keys that are not there; true if all are.
    pub(super) fn require(&self, keys: &[&str]) -> bool {
        let is_there = |key: &str| self.found.is_some_and(|found| found.table.contains_key(key));
        let mut complete = true;
        for key in keys.iter().filter(|key| !is_there(key)) {
            complete = false;
            self.fault(format_args!("it has no `{key}`"));
        }
        complete
    }

    /// What `take` makes of the value; `None` is reported as not allowed.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        allowed: &str,
        take: impl FnOnce(Value<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(key)?;
        let taken = take(value);
        if taken.is_none() {
            self.refuse(key, value, allowed);
        }
        taken
    }

    /// An integer within a range.
    pub(super) fn integer<T>(
        &mut self,
        key: &'static str,
        default: T,
        range: RangeInclusive<T>,
    ) -> T
    where
        T: Copy + PartialOrd + TryFrom<i128> + fmt::Display,
    {
        self.optional_integer(key, range).unwrap_or(default)
    }

    /// An integer within a range, where it is there.
    pub(super) fn optional_integer<T>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<T>,
    ) -> Option<T>
    where
        T: Copy + PartialOrd + TryFrom<i128> + fmt::Display,
    {
        let allowed = format!("an integer from {} to {}", range.start(), range.end());
        self.integer_of(key, &allowed, |number| range.contains(number))
    }

    /// An integer that `accept` takes, where it is there.
    pub(super) fn integer_of<T: TryFrom<i128>>(
        &mut self,
        key: &'static str,
        allowed: &str,
        accept: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        self.value(key, allowed, |value| {
            let integer = value.value.as_integer()?;
            let wide = i128::from_str_radix(integer.as_str(), integer.radix()).ok()?;
            T::try_from(wide).ok().filter(accept)
        })
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        self.value(key, "true or false", |value| value.value.as_bool()).unwrap_or(default)
    }

    /// A text that is not empty and has no control characters, of so many bytes at most.
    pub(super) fn text(&mut self, key: &'static str, bytes_max: usize) -> Option<String> {
        let allowed = format!("a text of 1 to {bytes_max} bytes");
        self.value(key, &allowed, |value| {
            let text = value.text()?;
            let fits = (1..=bytes_max).contains(&text.len()) && !text.contains(char::is_control);
            fits.then(|| text.to_owned())
        })
    }

    /// As [`Self::text`], with the line where it stands, from 1.
    pub(super) fn text_and_line(
        &mut self,
        key: &'static str,
        bytes_max: usize,
    ) -> Option<(String, usize)> {
        let text = self.text(key, bytes_max)?;
        let line = self.get(key).map_or(0, |value| self.document.line(value.at));
        Some((text, line))
    }

    /// What `take` makes of a value that is told nobody, also where it is not allowed.
    pub(super) fn secret<T>(
        &mut self,
        key: &'static str,
        allowed: &str,
        take: impl FnOnce(Value<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(key)?;
        let taken = take(value);
        if taken.is_none() {
            self.document.fault(value.at, format!("{}{key}: it is {allowed}", self.path));
        }
        taken
    }

    /// A text that stands for a value of its own type.
    pub(super) fn parsed<T: FromStr>(&mut self, key: &'static str, allowed: &str) -> Option<T> {
        self.value(key, allowed, |value| value.text()?.parse().ok())
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        default: T,
        words: &[(&str, T)],
    ) -> T {
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let allowed = format!("one of {}", quoted(&names));
        let taken = self.value(key, &allowed, |value| {
            let text = value.text()?;
            words.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice)
        });
        taken.unwrap_or(default)
    }

    /// A list of so many texts at most; `None` where the key is not there.
    pub(super) fn texts(&mut self, key: &'static str, entries_max: usize) -> Option<Vec<String>> {
        let allowed = format!("a list of texts, {entries_max} at most");
        self.value(key, &allowed, |value| {
            let array = value.value.as_array().filter(|array| array.len() <= entries_max)?;
            array.iter().map(|text| text.get_ref().as_str().map(str::to_owned)).collect()
        })
    }

    /// A list of so many small integers at most; `None` where the key is not there.
    pub(super) fn integers(&mut self, key: &'static str, entries_max: usize) -> Option<Vec<u16>> {
        let allowed = format!("a list of integers from 0 to {}, {entries_max} at most", u16::MAX);
        self.value(key, &allowed, |value| {
            let array = value.value.as_array().filter(|array| array.len() <= entries_max)?;
            let integer = |value: &DeValue<'_>| {
                let integer = value.as_integer()?;
                u16::from_str_radix(integer.as_str(), integer.radix()).ok()
            };
            array.iter().map(|value| integer(value.get_ref())).collect()
        })
    }

    /// A list of some of these words, at least one and each once; `None` where the key is not
    /// there.
    pub(super) fn words(
        &mut self,
        key: &'static str,
        words: &[&'static str],
    ) -> Option<Vec<&'static str>> {
        let allowed = format!("a list of some of {}, each once", quoted(words));
        self.value(key, &allowed, |value| {
            let mut taken: Vec<&'static str> = Vec::new();
            for entry in value.value.as_array()?.iter().take(words.len() + 1) {
                let text = entry.get_ref().as_str()?;
                let word = words.iter().find(|word| **word == text)?;
                if taken.contains(word) {
                    return None;
                }
                taken.push(word);
            }
            (!taken.is_empty()).then_some(taken)
        })
    }

    /// The table of a key; where it is not there, one without keys.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'a> {
        let found = self.table(key);
        self.inner(format!("{}{key}.", self.path), found)
    }

    /// The table of a key, where it is there.
    pub(super) fn optional_section(&mut self, key: &'static str) -> Option<Section<'a>> {
        let found = self.table(key)?;
        Some(self.inner(format!("{}{key}.", self.path), Some(found)))
    }

    /// The tables of a key that may be there several times.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(array) = value.value.as_array() else {
            self.refuse(key, value, &format!("written [[{}{key}]]", self.path));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, element) in array.iter().enumerate() {
            let at = element.span().start;
            match element.get_ref().as_table() {
                Some(table) => {
                    let path = format!("{}{key}[{index}].", self.path);
                    sections.push(self.inner(path, Some(Found { table, at })));
                }
                None => {
                    let value = Value { value: element.get_ref(), at };
                    self.refuse(key, value, &format!("written [[{}{key}]]", self.path));
                }
            }
        }
        sections
    }

    fn table(&mut self, key: &'static str) -> Option<Found<'a>> {
        let value = self.get(key)?;
        let table = value.value.as_table();
        if table.is_none() {
            self.refuse(key, value, &format!("a section, written [{}{key}]", self.path));
        }
        table.map(|table| Found { table, at: value.at })
    }

    fn inner(&self, path: String, found: Option<Found<'a>>) -> Section<'a> {
        Section { document: self.document, path, found, known: BTreeSet::new() }
    }

    /// Names the keys that nobody asked for.
    pub(super) fn finish(self) {
        let Some(found) = self.found else { return };
        for (key, _) in found.table {
            let name: &str = key.get_ref();
            if self.known.contains(name) {
                continue;
            }
            let nearest = self.known.iter().map(|known| (edits(name, known), *known)).min();
            let hint = match nearest {
                Some((edits, known)) if edits <= EDITS_MAX.min(name.len() / 2) => {
                    format!("did you mean {known}?")
                }
                _ => {
                    let known: Vec<&str> = self.known.iter().copied().collect();
                    format!("there are {}", known.join(", "))
                }
            };
            let message = format!("no such key: {}{name}; {hint}", self.path);
            self.document.fault(key.span().start, message);
        }
    }
}

impl<'a> Value<'a> {
    /// The text, where it is one.
    pub(super) fn text(self) -> Option<&'a str> {
        self.value.as_str()
    }
}

/// A value as the text has it, or nearly.
fn show(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::Array(_) => "[...]".to_owned(),
        DeValue::Table(_) => "{...}".to_owned(),
    }
}

/// Words in quotation marks, with commas.
pub(super) fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
}

/// Characters to insert, remove or replace to make one word the other (Levenshtein).
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (left, right, count) in [
            ("", "", 0),
            ("port", "port", 0),
            ("prot", "port", 2),
            ("term_byte", "term_bytes", 1),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!((edits(left, right), edits(right, left)), (count, count), "{left} {right}");
        }
    }
}
