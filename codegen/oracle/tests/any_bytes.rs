//! No bytes make a decoder panic, and what is decoded keeps every code and bit.

use isochron_codegen_oracle::parts::car::Car;
use isochron_codegen_oracle::random::Random;
use isochron_codegen_oracle::{groups0, groups2, version2};

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
        messages > ROUNDS / 4 && refusals > ROUNDS / 4,
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
fn between_nodes() {
    run(3, 11, isochron_cluster::Message::ENCODED_LENGTH_MAX, |bytes| {
        check!(isochron_cluster, bytes)
    });
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

/// Damages a message: some bytes replaced, cut somewhere, or with more behind it.
fn damaged(random: &mut Random, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len() as u64) as usize;
        // The ends of a length's range as often as any byte.
        bytes[at] = [0, 1, 0x7f, 0xff, random.bits() as u8][random.below(5) as usize];
    }
    if random.below(3) == 0 {
        bytes.truncate(random.below(bytes.len() as u64 + 1) as usize);
    }
    bytes.extend((0..random.below(3)).map(|_| 0xff));
    bytes
}

#[test]
fn groups_and_data() {
    let mut random = Random::new(9);
    let (mut messages, mut refusals) = (0, 0);
    for _ in 0..ROUNDS {
        let bytes = Car::random(&mut random).encode();
        match Car::read(&damaged(&mut random, bytes)) {
            // What was read can be written, and is read again the same; floats by their bits.
            Ok(car) => {
                messages += 1;
                let bytes = car.encode();
                assert_eq!(Car::read(&bytes).map(|again| again.encode()), Ok(bytes));
            }
            Err(error) => {
                refusals += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    println!("cars: {messages} messages, {refusals} refusals");
    assert!(messages > ROUNDS / 10 && refusals > ROUNDS / 10);
}

/// Every version's reader, over every entry: what an entry borrows lies within the message.
#[test]
fn groups_and_data_of_any_version() {
    let mut random = Random::new(10);
    let mut seen = 0_usize;
    let inner = [groups2::PartsHolderInner { value: 0, note: b"note" }; 3];
    let added = [groups2::PartsHolderAdded::default(); 2];
    let holder = groups2::PartsHolder { inner: &inner, added: &added, ..Default::default() };
    let message = groups2::Parts {
        plain: &[groups2::PartsPlain::default(); 4],
        holder: &[holder; 3],
        late: &[groups2::PartsLate::default(); 2],
        ..Default::default()
    };
    let mut whole = [0; 300];
    let length = message.encode(&mut whole).expect("long enough");
    for _ in 0..ROUNDS {
        let mut bytes = whole[..length].to_vec();
        bytes[6] = random.below(4) as u8;
        let bytes = damaged(&mut random, bytes);
        let within = |part: &[u8]| assert!(part.len() <= bytes.len());
        if let Ok(message) = groups2::PartsReader::new(&bytes) {
            for entry in message.holder() {
                within(entry.blob());
                within(entry.tail().unwrap_or_default());
                seen += entry.inner().map(|inner| inner.note().len()).sum::<usize>();
                seen += entry.added().count();
            }
            seen += message.plain().filter(|entry| entry.more().is_some()).count();
            seen += message.late().filter(|entry| entry.later().is_some()).count();
            within(message.text());
        }
        if let Ok(message) = groups2::Message::decode(&bytes) {
            assert!(!message.name().is_empty() && message.template_id() <= 3);
        }
        let _ = groups0::Message::decode(&bytes);
    }
    println!("{seen} entries and bytes seen");
    assert!(seen > 100);
}
