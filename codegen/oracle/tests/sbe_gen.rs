//! Every message of the real schemas against the crate `sbe_gen`: its bytes are ours, and it reads
//! ours.
//!
//! Excluded, each a known fault of `sbe_gen` 0.7.3: the schema id in its headers, which is always 0
//! (bytes 4 and 5; ours are compared with the schema's id instead), and fields that nobody set,
//! which it fills with zeros even where they are optional (the glue sets every field).

use std::fmt::Debug;

use isochron_codegen_oracle::random::Random;
use isochron_codegen_oracle::{
    Visitor, sbe_gen_cluster_glue, sbe_gen_events_glue, sbe_gen_market_data_glue,
};

/// Random values of each message.
const ROUNDS: usize = 1_000;

/// Where the header has the schema's id.
const SCHEMA_ID_BYTES: std::ops::Range<usize> = 4..6;

struct Compare<Any> {
    random: Random,
    schema_id: u16,
    encode: fn(&Any) -> Vec<u8>,
    decode: fn(&[u8]) -> Option<Any>,
    messages: usize,
}

impl<Any: PartialEq + Debug> Visitor<Any> for Compare<Any> {
    fn visit<M>(
        &mut self,
        name: &'static str,
        random: fn(&mut Random) -> M,
        encode: fn(&M) -> Vec<u8>,
        decode: fn(&[u8]) -> Option<M>,
    ) where
        M: Copy + PartialEq + Debug + Into<Any>,
    {
        for round in 0..ROUNDS {
            let message = random(&mut self.random);
            let ours = (self.encode)(&message.into());
            let mut theirs = encode(&message);
            assert_eq!(theirs[SCHEMA_ID_BYTES], [0, 0], "{name}: the fault is gone, compare it");
            theirs[SCHEMA_ID_BYTES].copy_from_slice(&self.schema_id.to_le_bytes());
            assert_eq!(ours, theirs, "{name}, round {round}: {message:?}");
            assert_eq!(decode(&ours), Some(message), "{name}, round {round}: what sbe_gen reads");
            assert_eq!((self.decode)(&ours), Some(message.into()), "{name}, round {round}");
        }
        self.messages += 1;
    }
}

/// The crates have these items under the same names.
macro_rules! compare {
    ($schema:ident, $glue:ident, $id:literal, $file:literal) => {{
        use $schema::{Message, SCHEMA_ID};
        assert_eq!(SCHEMA_ID, $id);
        let mut compare = Compare {
            random: Random::new($id),
            schema_id: $id,
            encode: |message: &Message| {
                let mut buffer = [0xaa; Message::ENCODED_LENGTH_MAX];
                let length = message.encode(&mut buffer).expect("long enough");
                assert_eq!(length, message.encoded_length());
                buffer[..length].to_vec()
            },
            decode: |bytes| Message::decode(bytes).ok(),
            messages: 0,
        };
        $glue::each(&mut compare);
        assert_eq!(compare.messages, count($file));
    }};
}

#[test]
fn every_event_is_byte_for_byte_that_of_sbe_gen() {
    compare!(isochron_events, sbe_gen_events_glue, 1, "schemas/events.xml");
}

#[test]
fn every_market_data_message_is_byte_for_byte_that_of_sbe_gen() {
    compare!(isochron_messages, sbe_gen_market_data_glue, 2, "schemas/market-data.xml");
}

#[test]
fn every_message_between_nodes_is_byte_for_byte_that_of_sbe_gen() {
    compare!(isochron_cluster, sbe_gen_cluster_glue, 3, "schemas/cluster.xml");
}

/// Messages in a schema, counted in its text.
fn count(schema: &str) -> usize {
    let path = format!("{}/../../{schema}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("the schema").matches("<sbe:message ").count()
}
