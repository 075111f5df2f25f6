//! An event as a line: for people, or as a JSON object.
//!
//! People get times in UTC, prices and money with a decimal point, and outcomes indented below
//! their command. JSON has every field as the log has it: integers in the schema's units.

use super::select::Entry;
use crate::cli::output::decimal;
use crate::cli::utc::Utc;
use crate::types::{Nanos, flags};
use isochron_events::FieldValue;
use serde_json::json;
use std::fmt::Write;

/// Fields in 1/10,000 of the currency unit.
const DECIMALS: &[&str] = &[
    "price",
    "tick",
    "price_minimum",
    "price_maximum",
    "reference_price",
    "notional_maximum",
    "cumulative_notional",
    "fee_amount",
    "notional",
    "fees",
];

/// A line for people: position, sequence, time, name, and the fields.
pub(super) fn human(entry: &Entry) -> String {
    let header = entry.message.header();
    let indent = if entry.message.template_id() < flags::OUTCOME_TEMPLATE_MIN { "" } else { "  " };
    let mut line = format!(
        "{:>12} {:>9} {} {indent}{}",
        entry.position,
        header.sequence,
        Utc(Nanos(header.timestamp)),
        entry.message.name()
    );
    let mut add = |name: &str, value: &dyn std::fmt::Display| {
        write!(line, " {name}={value}").expect("a text takes what it is given");
    };
    if header.cause != header.sequence {
        add("cause", &header.cause);
    }
    if header.session != 0 {
        add("session", &header.session);
    }
    entry.message.fields(&mut |name, value| match value {
        _ if name.starts_with("header.") => {}
        FieldValue::I64(number) if DECIMALS.contains(&name) => add(name, &decimal(number)),
        FieldValue::U64(0) if name == "entry_time" => add(name, &"-"),
        FieldValue::U64(time) if name == "entry_time" => add(name, &Utc(Nanos(time))),
        FieldValue::Text("") => add(name, &"-"),
        FieldValue::Text(text) if text.contains(' ') => add(name, &format_args!("{text:?}")),
        value => add(name, &value),
    });
    line
}

/// A JSON object: where the event stands, its header, and under `fields` the rest, composites as
/// objects of their own. Keys are in the order of the log.
pub(super) fn json(entry: &Entry) -> String {
    let header = entry.message.header();
    let mut line = format!(
        "{{\"position\":{},\"epoch\":{},\"template\":\"{}\",\"sequence\":{},\"timestamp\":{},\
         \"time\":\"{}\",\"cause\":{},\"session\":{},\"flags\":{},\"fields\":{{",
        entry.position,
        entry.epoch,
        entry.message.name(),
        header.sequence,
        header.timestamp,
        Utc(Nanos(header.timestamp)),
        header.cause,
        header.session,
        header.flags
    );
    let mut group = "";
    let mut first = true;
    entry.message.fields(&mut |name, value| {
        let (of, name) = name.split_once('.').unwrap_or(("", name));
        if of == "header" {
            return;
        }
        if of != group && !group.is_empty() {
            line.push('}');
        }
        if !first {
            line.push(',');
        }
        first = false;
        if of != group && !of.is_empty() {
            write!(line, "\"{of}\":{{").expect("a text takes what it is given");
        }
        group = of;
        write!(line, "\"{name}\":{}", json_value(value)).expect("a text takes what it is given");
    });
    if !group.is_empty() {
        line.push('}');
    }
    line.push_str("}}");
    line
}

fn json_value(value: FieldValue<'_>) -> String {
    match value {
        FieldValue::U64(number) => number.to_string(),
        FieldValue::I64(number) => number.to_string(),
        FieldValue::F64(number) => json!(number).to_string(),
        FieldValue::Text(text) => json!(text).to_string(),
        FieldValue::Name(name) => json!(name).to_string(),
        FieldValue::Bytes(_) => json!(value.to_string()).to_string(),
        FieldValue::Null => "null".to_owned(),
    }
}
