//! Every kind of field, byte for byte as the schema says: values, null values, names.

use isochron_codegen_oracle::version2::{
    Color, Everything, EverythingReader, EverythingWriter, FieldValue, Fraction, Inner, Letter,
    Message, Mood, SbeMessage, Set8, Set16, Set32, Set64, Wide,
};

fn everything() -> Everything {
    Everything {
        type_: b'T',
        int8: Some(-1),
        int16: Some(-2),
        int32: Some(-3),
        int64: Some(-4),
        uint8: Some(5),
        uint16: Some(0x0706),
        uint32: Some(0x0b0a_0908),
        uint64: Some(0x1211_100f_0e0d_0c0b),
        float: Some(1.5),
        double: Some(-2.0),
        plain_float: 0.25,
        triple: [0x2221, 0x2423, 0x2625],
        pair: [1.0, -1.0],
        raw: std::array::from_fn(|i| i as u8),
        letter: Letter::OMEGA,
        wide: Some(Wide::MANY),
        color: Some(Color(200)),
        set8: Set8::LAST,
        set16: Set16::LAST | Set16::FIRST,
        set32: Set32::LAST,
        set64: Set64::LAST,
        fraction: Fraction { mantissa: Some(1), inner: Inner { left: 2, right: 3 }, mood: Mood(9) },
        new: 77,
    }
}

/// `everything()` by hand: the floats' bits are those of IEEE 754.
fn everything_bytes() -> Vec<u8> {
    let mut bytes = vec![154, 0, 3, 0, 77, 0, 2, 0];
    bytes.extend([b'T', 0xff]);
    bytes.extend([0xfe, 0xff]);
    bytes.extend([0xfd, 0xff, 0xff, 0xff]);
    bytes.extend([0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    bytes.extend([5, 6, 7, 8, 9, 10, 11]);
    bytes.extend([0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12]);
    bytes.extend([0; 9]);
    bytes.extend([0, 0, 0xc0, 0x3f]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 0xc0]);
    bytes.extend([0, 0, 0x80, 0x3e]);
    bytes.extend([0x21, 0x22, 0x23, 0x24, 0x25, 0x26]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0xf0, 0xbf]);
    bytes.extend(0..40);
    bytes.extend([b'Z', 0x40, 0x9c, 200]);
    bytes.push(0x80);
    bytes.extend([0x01, 0x80]);
    bytes.extend([0, 0, 0, 0x80]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 0x80]);
    bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([2, 0, 0, 0, 3, 0, 9, 0]);
    bytes.push(77);
    bytes
}

#[test]
fn every_kind_is_what_the_schema_says() {
    let mut buffer = [0xaa; 162];
    assert_eq!(everything().encode(&mut buffer), Ok(162));
    assert_eq!(buffer.to_vec(), everything_bytes());
    assert_eq!(Everything::decode(&buffer), Ok(everything()));
    let reader = EverythingReader::new(&buffer).expect("an Everything");
    assert_eq!(reader.read(), everything());
    assert_eq!(reader.new_(), 77, "a field's name that readers have already");
    assert_eq!((Everything::TEMPLATE_ID, Everything::BLOCK_LENGTH), (3, 154));
    assert_eq!(<Everything as SbeMessage>::ENCODED_LENGTH, 162);
}

#[test]
fn null_values_are_the_schemas_or_the_standards() {
    let nulls = Everything::default();
    let mut buffer = [0xaa; 162];
    nulls.encode(&mut buffer).expect("long enough");
    let at = |offset: usize, size: usize| buffer[8 + offset..8 + offset + size].to_vec();
    assert_eq!(at(1, 1), [0x80], "int8");
    assert_eq!(at(2, 2), (-7_i16).to_le_bytes(), "int16, stated");
    assert_eq!(at(4, 4), i32::MIN.to_le_bytes());
    assert_eq!(at(8, 8), i64::MIN.to_le_bytes());
    assert_eq!(at(16, 1), [255], "uint8");
    assert_eq!(at(17, 2), [0, 0], "uint16, stated");
    assert_eq!(at(19, 4), [255; 4]);
    assert_eq!(at(23, 8), [255; 8]);
    assert!(f32::from_le_bytes(at(40, 4).try_into().unwrap()).is_nan());
    assert_eq!(at(44, 8), (-1.5_f64).to_le_bytes(), "double, stated");
    assert_eq!(at(119, 2), 999_u16.to_le_bytes(), "an enum by its encoding's null value");
    assert_eq!(at(121, 1), [255], "an enum by its primitive's");
    assert_eq!(at(137, 8), (-1_i64).to_le_bytes(), "in a composite");
    assert_eq!(Everything::decode(&buffer), Ok(nulls));
    let mut written = [0xaa; 162];
    EverythingWriter::new(&mut written).expect("long enough");
    assert_eq!(written, buffer);
}

#[test]
fn constants_are_not_on_the_wire() {
    assert_eq!(Everything::VENUE, *b"ISOC");
    assert_eq!(Everything::SCALE, 10_000);
    assert_eq!(Everything::FAVORITE, Color::GREEN);
    assert_eq!(Fraction::EXPONENT, -4);
    assert_eq!(Fraction::LENGTH, 16);
}

#[test]
fn composites_encode_alone() {
    let fraction = everything().fraction;
    let mut bytes = [0xaa; 16];
    fraction.encode(&mut bytes);
    assert_eq!(bytes, [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 9, 0]);
    assert_eq!(Fraction::decode(&bytes), fraction);
}

#[test]
fn enums_keep_unknown_codes_and_name_known_ones() {
    assert_eq!(Letter(b'A').name(), Some("alpha"));
    assert_eq!(Letter::ALL, [Letter::ALPHA, Letter::OMEGA]);
    assert_eq!((Wide::MANY.0, Wide::MANY.to_string()), (40_000, "many".to_owned()));
    assert_eq!((Wide(7).name(), Wide(7).to_string()), (None, "Wide(7)".to_owned()));
}

#[test]
fn sets_are_bits_with_names() {
    assert_eq!((Set8::LAST.0, Set16::LAST.0), (0x80, 0x8000));
    assert_eq!((Set32::LAST.0, Set64::LAST.0), (0x8000_0000, 0x8000_0000_0000_0000));
    let mut set = Set64::FIRST;
    assert!(set.contains(Set64::FIRST) && !set.contains(Set64::LAST));
    assert!(!set.contains(Set64::FIRST | Set64::LAST));
    set |= Set64::LAST;
    assert!(set.contains(Set64::FIRST | Set64::LAST));
    assert_eq!(set.to_string(), "first|last");
    assert_eq!((Set8(0).to_string(), Set8(0b110).to_string()), ("0".into(), "6".into()));
    assert_eq!(Set8(0x81 | 2).to_string(), "first|last|2");
    assert!(Set8::default().is_empty() && !Set8::FIRST.is_empty());
}

#[test]
fn messages_show_their_fields() {
    let mut message = everything();
    message.uint16 = None;
    let raw: String = (0..40).map(|i| format!("{i:02x}")).collect();
    let expected = format!(
        "Everything type=T int8=-1 int16=-2 int32=-3 int64=-4 uint8=5 uint16=- uint32=185207048 \
         uint64=1301839424133073931 float=1.5 double=-2 plain_float=0.25 triple.0=8737 \
         triple.1=9251 \
         triple.2=9765 pair.0=1 pair.1=-1 raw={raw} letter=omega wide=many color=200 set8=128 \
         set16=32769 set32=2147483648 set64=9223372036854775808 fraction.mantissa=1 \
         fraction.inner.left=2 fraction.inner.right=3 fraction.mood=9 new=77"
    );
    assert_eq!(message.to_string(), expected);
    assert_eq!(Message::from(message).to_string(), expected);
}

#[test]
fn characters_are_text_where_they_are() {
    assert_eq!(FieldValue::characters(b"ab\0\0"), FieldValue::Text("ab"));
    assert_eq!(FieldValue::characters(b"abcd"), FieldValue::Text("abcd"));
    assert_eq!(FieldValue::characters(b"\0\0"), FieldValue::Text(""));
    assert_eq!(FieldValue::characters(b"a\0b\0"), FieldValue::Bytes(b"a\0b\0"));
    assert_eq!(FieldValue::characters(b"\xff\0"), FieldValue::Bytes(b"\xff\0"));
    assert_eq!(FieldValue::characters(b"\n"), FieldValue::Bytes(b"\n"));
}

#[test]
fn the_union_knows_its_messages() {
    let message = Message::from(everything());
    assert_eq!((message.template_id(), message.encoded_length()), (3, 162));
    assert_eq!((message.name(), Message::ENCODED_LENGTH_MAX), ("Everything", 162));
    let mut buffer = [0; 162];
    assert_eq!(message.encode(&mut buffer), Ok(162));
    assert_eq!(Message::decode(&buffer), Ok(message));
}
