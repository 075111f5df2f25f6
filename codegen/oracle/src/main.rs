//! Prints seeded messages of the real schemas as lines of JSON, for decoders in other languages.
//!
//! Usage: `isochron-codegen-oracle ROUNDS`. A line has the schema's file, the message's name, its
//! bytes in hexadecimal and its fields. Text fields hold printable text, which every decoder gives
//! back.

use std::fmt::{Debug, Write as _};
use std::io::{self, Write};
use std::process::ExitCode;

use isochron_codegen_oracle::random::Random;
use isochron_codegen_oracle::{
    Visitor, sbe_gen_cluster_glue, sbe_gen_events_glue, sbe_gen_market_data_glue,
};
use serde_json::{Map, Value, json};

/// The crates have these items under the same names.
macro_rules! describe {
    ($schema:ident, $message:expr) => {{
        use $schema::{FieldValue, Message};
        let message: &Message = $message;
        let mut buffer = [0xaa; Message::ENCODED_LENGTH_MAX];
        let length = message.encode(&mut buffer).expect("long enough");
        let mut fields = Map::new();
        message.fields(&mut |name, value| {
            let value = match value {
                FieldValue::U64(value) => json!(value),
                FieldValue::I64(value) => json!(value),
                FieldValue::F64(value) => json!(value),
                FieldValue::Text(text) => json!(text),
                FieldValue::Bytes(bytes) => json!(hexadecimal(bytes)),
                FieldValue::Name(name) => json!(name),
                FieldValue::Null => Value::Null,
            };
            fields.insert(name.to_owned(), value);
        });
        (hexadecimal(&buffer[..length]), fields)
    }};
}

struct Lines<Any> {
    schema: &'static str,
    random: Random,
    rounds: usize,
    describe: fn(&Any) -> (String, Map<String, Value>),
    failure: io::Result<()>,
}

impl<Any> Visitor<Any> for Lines<Any> {
    fn visit<M>(
        &mut self,
        name: &'static str,
        random: fn(&mut Random) -> M,
        _: fn(&M) -> Vec<u8>,
        _: fn(&[u8]) -> Option<M>,
    ) where
        M: Copy + PartialEq + Debug + Into<Any>,
    {
        let mut output = io::stdout().lock();
        for _ in 0..self.rounds {
            let (bytes, fields) = (self.describe)(&random(&mut self.random).into());
            let line =
                json!({ "schema": self.schema, "message": name, "bytes": bytes, "fields": fields });
            if self.failure.is_ok() {
                self.failure = writeln!(output, "{line}");
            }
        }
    }
}

/// Prints a schema's messages; each schema has a seed of its own.
macro_rules! print_all {
    ($schema:ident, $glue:ident, $file:literal, $seed:literal, $rounds:expr) => {{
        let mut lines = Lines {
            schema: $file,
            random: Random::text_only($seed),
            rounds: $rounds,
            describe: |message| describe!($schema, message),
            failure: Ok(()),
        };
        $glue::each(&mut lines);
        lines.failure
    }};
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn main() -> ExitCode {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok());
    let Some(rounds) = rounds else {
        eprintln!("usage: isochron-codegen-oracle ROUNDS");
        return ExitCode::from(2);
    };
    match print(rounds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("output: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(rounds: usize) -> io::Result<()> {
    print_all!(isochron_events, sbe_gen_events_glue, "events.xml", 1, rounds)?;
    print_all!(isochron_messages, sbe_gen_market_data_glue, "market-data.xml", 2, rounds)?;
    print_all!(isochron_cluster, sbe_gen_cluster_glue, "cluster.xml", 3, rounds)
}
