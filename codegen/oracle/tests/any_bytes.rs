//! No bytes make a decoder panic, and what is decoded keeps every code and bit.

use isochron_codegen_oracle::random::Random;
use isochron_codegen_oracle::version2;

/// Random buffers for each template.
const ROUNDS: usize = 2_000;

/// Random bytes of random length; most have a header that leads into the fields.
fn bytes(random: &mut Random, schema_id: u16, templates: u64, longest: usize) -> Vec<u8> {
    let length = random.below(longest as u64 + 16) as usize;
    let mut bytes: Vec<u8> = (0..length).map(|_| random.bits() as u8).collect();
    let header = [
        random.below(longest as u64 + 16) as u16,
        random.below(templates) as u16,
        schema_id,
        random.below(4) as u16,
    ];
    for (index, value) in header.into_iter().enumerate() {
        let place = bytes.get_mut(2 * index..2 * index + 2);
        if let Some(place) = place.filter(|_| random.below(16) > 0) {
            place.copy_from_slice(&value.to_le_bytes());
        }
    }
    bytes
}

/// Runs random bytes through `decode`, which says whether they were a message.
fn run(schema_id: u16, templates: u64, longest: usize, decode: impl Fn(&[u8]) -> bool) {
    let mut random = Random::new(u64::from(schema_id));
    let (mut messages, mut refusals) = (0, 0);
    for _ in 0..ROUNDS * templates as usize {
        let bytes = bytes(&mut random, schema_id, templates, longest);
        if decode(&bytes) { messages += 1 } else { refusals += 1 }
    }
    println!("schema {schema_id}: {messages} messages, {refusals} refusals");
    assert!(
        messages > ROUNDS / 2 && refusals > ROUNDS / 2,
        "{messages} messages, {refusals} refusals"
    );
}

macro_rules! check {
    ($schema:ident, $bytes:ident) => {{
        use $schema::Message;
        match Message::decode($bytes) {
            Ok(message) => {
                assert!(message.to_string().starts_with(message.name()));
                let mut buffer = [0; Message::ENCODED_LENGTH_MAX];
                let length = message.encode(&mut buffer).expect("long enough");
                // What was read can be written and read again: the bytes are the same, whatever
                // floats there are; fields that an older writer lacked are null from now on.
                let again = Message::decode(&buffer[..length]).expect("our own bytes");
                let mut second = [0; Message::ENCODED_LENGTH_MAX];
                assert_eq!(again.encode(&mut second), Ok(length));
                assert_eq!(second[..length], buffer[..length]);
                true
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                false
            }
        }
    }};
}

#[test]
fn events() {
    run(1, 65, isochron_events::Message::ENCODED_LENGTH_MAX, |bytes| {
        check!(isochron_events, bytes)
    });
}

#[test]
fn market_data() {
    let longest = isochron_messages::Message::ENCODED_LENGTH_MAX;
    run(2, 53, longest, |bytes| check!(isochron_messages, bytes));
}

#[test]
fn the_test_schema() {
    run(77, 5, version2::Message::ENCODED_LENGTH_MAX, |bytes| check!(version2, bytes));
}

#[test]
fn every_prefix_of_every_message_is_refused_with_its_lengths() {
    let mut random = Random::new(3);
    for template_id in 0..=64_u16 {
        let mut message = [0; isochron_events::Message::ENCODED_LENGTH_MAX];
        for byte in &mut message {
            *byte = random.bits() as u8;
        }
        let header = isochron_events::MessageHeader {
            block_length: message.len() as u16 - 8,
            template_id,
            schema_id: 1,
            version: 0,
        };
        header.encode(message.first_chunk_mut().expect("eight bytes"));
        let Ok(whole) = isochron_events::Message::decode(&message) else { continue };
        let block_length = whole.encoded_length() - 8;
        message[..2].copy_from_slice(&(block_length as u16).to_le_bytes());
        for available in 0..whole.encoded_length() {
            let needed = if available < 8 { 8 } else { whole.encoded_length() };
            let error = isochron_events::DecodeError::MessageTooShort { needed, available };
            assert_eq!(isochron_events::Message::decode(&message[..available]), Err(error));
        }
        let cut = &message[..whole.encoded_length()];
        assert_eq!(isochron_events::Message::decode(cut), Ok(whole), "template {template_id}");
    }
}
