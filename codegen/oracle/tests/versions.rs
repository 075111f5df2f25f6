//! A newer message read by an older reader, and the reverse; longer and shorter blocks.

use isochron_codegen_oracle::{version0, version2};
use version2::{Color, Fraction, Inner, Mood, Set8};

/// Version 2 of `Growing`: every field set.
fn grown() -> version2::Growing {
    version2::Growing {
        amount: 0x0403_0201,
        color: Color::BLUE,
        extra: Some(7),
        maybe: Some(8),
        name: Some(*b"name\0\0"),
        mark: Some(Color::GREEN),
        bits: Some(Set8::FIRST | Set8::LAST),
        fraction: Some(Fraction {
            mantissa: Some(-2),
            inner: Inner { left: 5, right: 0x0706 },
            mood: Mood::GOOD,
        }),
    }
}

/// `grown()` on the wire, by hand from the schema.
const GROWN: [u8; 56] = [
    48, 0, 1, 0, 77, 0, 2, 0, // header: block 48, template 1, schema 77, version 2
    1, 2, 3, 4, 3, 0, 0, 0, // amount, color, gap to offset 8
    7, 0, 0, 0, // extra
    8, 0, 0, 0, 0, 0, 0, 0, // maybe
    b'n', b'a', b'm', b'e', 0, 0, // name
    2, 0x81, // mark, bits
    0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // mantissa
    5, 0, 0, 0, 6, 7, 1, 0, // inner with its gap, mood, padding
    0, 0, 0, 0, // to the block's length
];

#[test]
fn version_2_is_what_the_schema_says() {
    let mut buffer = [0xaa; 60];
    assert_eq!(grown().encode(&mut buffer), Ok(56));
    assert_eq!(buffer[..56], GROWN);
    assert_eq!(buffer[56..], [0xaa; 4], "nothing behind the message is touched");
    assert_eq!(version2::Growing::decode(&GROWN), Ok(grown()));
}

#[test]
fn an_older_reader_skips_what_a_newer_writer_added() {
    let old = version0::Growing { amount: 0x0403_0201, color: version0::Color(3) };
    assert_eq!(version0::Growing::decode(&GROWN), Ok(old));
    assert_eq!(old.color.name(), None, "blue came later");
    let reader = version0::GrowingReader::new(&GROWN).expect("a Growing");
    assert_eq!(
        (reader.amount(), reader.color(), reader.acting_version()),
        (old.amount, old.color, 0)
    );
    assert_eq!(version0::Message::decode(&GROWN), Ok(old.into()));
}

#[test]
fn a_newer_reader_sees_that_an_older_writer_had_less() {
    let old = version0::Growing { amount: 9, color: version0::Color::RED };
    let mut buffer = [0; 100];
    let length = old.encode(&mut buffer).expect("long enough");
    assert_eq!(length, 8 + 5);
    let expected = version2::Growing { amount: 9, color: Color::RED, ..Default::default() };
    assert_eq!(expected.extra, None);
    assert_eq!(version2::Growing::decode(&buffer[..length]), Ok(expected));
    // What follows the block (here zeros) is another message's: it must not be taken for fields.
    assert_eq!(version2::Growing::decode(&buffer), Ok(expected));
}

#[test]
fn the_version_between_has_the_fields_between() {
    let mut message = GROWN;
    message[6] = 1;
    message[0] = 20;
    let expected = version2::Growing {
        amount: 0x0403_0201,
        color: Color::BLUE,
        extra: Some(7),
        maybe: Some(8),
        ..Default::default()
    };
    assert_eq!(version2::Growing::decode(&message[..28]), Ok(expected));
    // A block longer than its version needs does not make the version newer.
    message[0] = 48;
    assert_eq!(version2::Growing::decode(&message), Ok(expected));
}

#[test]
fn a_version_still_to_come_may_be_longer() {
    let mut message = GROWN.to_vec();
    message[6] = 9;
    message[0] = 60;
    message.extend([0xff; 12]);
    assert_eq!(version2::Growing::decode(&message), Ok(grown()));
    let reader = version2::GrowingReader::new(&message).expect("a Growing");
    assert_eq!(reader.acting_version(), 2);
}

#[test]
fn a_block_that_ends_before_its_versions_fields_is_refused() {
    let mut message = GROWN;
    message[0] = 43;
    let error = version2::DecodeError::BlockTooShort {
        template_id: 1,
        version: 2,
        needed: 44,
        block_length: 43,
    };
    assert_eq!(version2::Growing::decode(&message), Err(error));
    assert_eq!(error.to_string(), "template 1 of version 2 in a block of 43 bytes, not 44");
    message[0] = 44;
    assert_eq!(version2::Growing::decode(&message), Ok(grown()));
}

#[test]
fn refusals_have_the_values() {
    use version2::{DecodeError, EncodeError, Growing, Message};
    let decode = Growing::decode;
    let too_short = |needed, available| Err(DecodeError::MessageTooShort { needed, available });
    assert_eq!(decode(&GROWN[..7]), too_short(8, 7));
    assert_eq!(decode(&GROWN[..55]), too_short(56, 55));
    let with = |at: usize, byte| {
        let mut message = GROWN;
        message[at] = byte;
        message
    };
    assert_eq!(decode(&with(4, 78)), Err(DecodeError::SchemaUnknown { schema_id: 78 }));
    let error = Err(DecodeError::TemplateMismatch { expected: 1, template_id: 3 });
    assert_eq!(decode(&with(2, 3)), error);
    let error = Err(DecodeError::TemplateUnknown { template_id: 5 });
    assert_eq!(Message::decode(&with(2, 5)), error);
    assert_eq!(
        grown().encode(&mut [0; 55]),
        Err(EncodeError::BufferTooShort { needed: 56, available: 55 })
    );
    let error = version2::GrowingWriter::new(&mut [0; 55]).map(|_| ());
    assert_eq!(error, Err(EncodeError::BufferTooShort { needed: 56, available: 55 }));
}

#[test]
fn a_fresh_writer_has_nulls_and_zeros() {
    let mut buffer = [0xaa; 56];
    version2::GrowingWriter::new(&mut buffer).expect("long enough");
    let null32 = [0xff; 4];
    let mut expected = GROWN;
    expected[8..].fill(0);
    expected[16..20].copy_from_slice(&null32);
    expected[20..28].fill(0xff);
    expected[34] = 0xff;
    expected[36..44].fill(0xff);
    assert_eq!(buffer, expected);
    // A struct without values writes the same bytes.
    let mut from_struct = [0xaa; 56];
    version2::Growing::default().encode(&mut from_struct).expect("long enough");
    assert_eq!(from_struct, expected);
}

#[test]
fn a_writer_sets_single_fields() {
    let mut buffer = [0xaa; 56];
    let message = grown();
    let mut writer = version2::GrowingWriter::new(&mut buffer).expect("long enough");
    writer.fraction(message.fraction.unwrap()).bits(message.bits.unwrap());
    writer.mark(message.mark.unwrap()).name(message.name.unwrap()).maybe(message.maybe);
    writer.extra(message.extra.unwrap()).color(message.color).amount(message.amount);
    assert_eq!(buffer, GROWN);
}

#[test]
fn a_message_without_fields_is_its_header() {
    let mut buffer = [0xaa; 9];
    assert_eq!(version2::Nothing {}.encode(&mut buffer), Ok(8));
    assert_eq!(buffer, [0, 0, 2, 0, 77, 0, 2, 0, 0xaa]);
    assert_eq!(version2::Nothing::decode(&buffer), Ok(version2::Nothing {}));
    assert_eq!(version0::Message::decode(&buffer), Ok(version0::Nothing {}.into()));
}
