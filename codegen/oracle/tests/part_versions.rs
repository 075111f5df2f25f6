//! Groups and data across versions, and what is refused of them.

use isochron_codegen_oracle::parts::groups::Owned;
use isochron_codegen_oracle::{groups0, groups2};

/// Version 2 of `Parts` by hand: all that version 1 and 2 added stands on lines of its own.
#[rustfmt::skip]
const NEWEST: [u8; 136] = [
    12, 0, 1, 0, 78, 0, 2, 0, 1, 0, 0, 0, // header, amount
    5, 0, 0, 0, 0, 0, 0, 0, // extra (1)
    5, 2, 7, 8, 9, 0xff, 0xff, 10, 11, 12, 13, 0, // plain with more (1): null, 13
    6, 0, 2, 0, // holder: the schema gives the block two bytes more than its field
    1, 0, 0, 0, 0, 0, 1, 2, 2, 2, b'a', b'b', 3, 0,
    1, 2, 8, 9, // added (2)
    3, 0, b'x', b'y', b'z',
    2, b't', b'u', // tail (1)
    4, 0, 0, 0, 0, 0, 1, 0,
    1, 0, // added (2)
    0, 0,
    0, // tail (1)
    42, 0, 0, 0, 1, 0, 0, 0, // late (1)
    b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l',
    b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l',
    b'l', b'l', b'l', b'l', b'l', b'l', b'l', b'l',
    6, 0, // later (2)
    5, 0, 0, 0, b'h', b'e', b'l', b'l', b'o',
    1, b'!', // lateText (2)
];

/// A reader's words on a message, one a line, so that whole messages are compared at once.
fn words(message: &[u8]) -> String {
    let reader = groups2::PartsReader::new(message).expect("a message");
    let mut text = format!("{} {:?}\n", reader.amount(), reader.extra());
    for entry in reader.plain() {
        text += &format!("plain {} {} {:?}\n", entry.code(), entry.size(), entry.more());
    }
    for entry in reader.holder() {
        let notes: Vec<_> = entry.inner().map(|inner| (inner.value(), inner.note())).collect();
        let added: Vec<_> = entry.added().map(|added| added.value()).collect();
        let (key, blob, tail) = (entry.key(), entry.blob(), entry.tail());
        text += &format!("holder {key} {notes:?} {added:?} {blob:?} {tail:?}\n");
    }
    for entry in reader.late() {
        text += &format!("late {} {:?}\n", entry.letters().len(), entry.later());
    }
    text + &format!("{:?} {:?}", reader.text(), reader.late_text())
}

#[test]
fn version_2_is_what_the_schema_says() {
    let expected = "1 Some(5)\n\
                    plain 7 2312 None\nplain 10 3083 Some(13)\n\
                    holder 1 [(2, [97, 98]), (3, [])] [8, 9] [120, 121, 122] Some([116, 117])\n\
                    holder 4 [] [] [] Some([])\n\
                    late 40 Some(6)\n\
                    [104, 101, 108, 108, 111] Some([33])";
    assert_eq!(words(&NEWEST), expected);
    let inner = |value, note| groups2::PartsHolderInner { value, note };
    let added = |value| groups2::PartsHolderAdded { value };
    let message = groups2::Parts {
        amount: 1,
        extra: Some(5),
        plain: &[
            groups2::PartsPlain { code: 7, size: 0x0908, more: None },
            groups2::PartsPlain { code: 10, size: 0x0c0b, more: Some(13) },
        ],
        holder: &[
            groups2::PartsHolder {
                key: 1,
                inner: &[inner(2, b"ab"), inner(3, b"")],
                added: &[added(8), added(9)],
                blob: b"xyz",
                tail: b"tu",
            },
            groups2::PartsHolder { key: 4, ..Default::default() },
        ],
        late: &[groups2::PartsLate { letters: [b'l'; 40], later: Some(6) }],
        text: b"hello",
        late_text: b"!",
    };
    let mut buffer = [0xaa; 150];
    assert_eq!(message.encode(&mut buffer), Ok(NEWEST.len()));
    assert_eq!(buffer[..NEWEST.len()], NEWEST);
}

#[test]
fn a_newer_reader_finds_an_older_writers_parts() {
    let owned = Owned {
        amount: 1,
        plain: vec![groups0::PartsPlain { code: 7, size: 8 }],
        holder: vec![(1, vec![(2, b"ab".to_vec())], b"x".to_vec()), (4, vec![], vec![])],
        text: b"hello".to_vec(),
    };
    let mut bytes = owned.encode();
    let length = bytes.len();
    // What stands behind the message is another's: it must not be taken for the newer parts.
    bytes.extend([1; 40]);
    let expected = "1 None\nplain 7 8 None\n\
                    holder 1 [(2, [97, 98])] [] [120] None\nholder 4 [] [] [] None\n\
                    [104, 101, 108, 108, 111] None";
    assert_eq!(words(&bytes), expected);
    let reader = groups2::PartsReader::new(&bytes).expect("a message");
    assert_eq!((reader.acting_version(), reader.encoded_length()), (0, length));
    assert_eq!(reader.late().len(), 0);
}

#[test]
#[rustfmt::skip]
fn the_version_between_has_the_parts_between() {
    let mut message = vec![
        12, 0, 1, 0, 78, 0, 1, 0, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, // amount, extra
        5, 1, 7, 8, 9, 14, 0, // plain with more
        4, 0, 1, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, b't', // holder with tail, without added
        40, 0, 0, 0, 1, 0, 0, 0, // late without later
    ];
    message.extend([b'l'; 40]);
    message.extend([0, 0, 0, 0]);
    let expected = "1 Some(5)\nplain 7 2312 Some(14)\nholder 4 [] [] [] Some([116])\n\
                    late 40 None\n[] None";
    assert_eq!(words(&message), expected);
}

#[test]
#[rustfmt::skip]
fn an_older_reader_skips_longer_blocks_and_what_follows_the_parts() {
    let message = [
        6, 0, 1, 0, 78, 0, 9, 0, 1, 0, 0, 0, 0xee, 0xee, // a block longer by two
        5, 2, 7, 8, 9, 0xee, 0xee, 10, 11, 12, 0xee, 0xee, // entries longer by two
        5, 0, 1, 0, 4, 0, 0, 0, 0xee, 3, 1, 6, 0xee, 0xee, 1, b'n', 0, 0, // nested ones, too
        2, 0, 0, 0, b'h', b'i',
        0xee, 0xee, // data that the reader does not know
    ];
    let plain = |code, size| groups0::PartsPlain { code, size };
    let expected = Owned {
        amount: 1,
        plain: vec![plain(7, 0x0908), plain(10, 0x0c0b)],
        holder: vec![(4, vec![(6, b"n".to_vec())], vec![])],
        text: b"hi".to_vec(),
    };
    assert_eq!(Owned::read(&message), Ok(expected));
    let reader = groups0::PartsReader::new(&message).expect("a message");
    assert_eq!((reader.acting_version(), reader.encoded_length()), (0, message.len() - 2));
}

#[test]
fn every_prefix_is_refused_with_its_lengths() {
    for available in 0..NEWEST.len() {
        let error = groups2::PartsReader::new(&NEWEST[..available]).expect_err("refused");
        let groups2::DecodeError::MessageTooShort { needed, available: said } = error else {
            panic!("{error}");
        };
        assert!(said == available && available < needed && needed <= NEWEST.len(), "{error}");
    }
}

#[test]
fn refusals_have_the_values() {
    use groups2::{DecodeError, EncodeError, Parts, PartsPlain, PartsReader};
    let with = |at: usize, byte| {
        let mut message = NEWEST;
        message[at] = byte;
        PartsReader::new(&message).map(|_| ()).expect_err("refused")
    };
    // The entries of `plain` begin at 20.
    let error = with(20, 4);
    let (group, version, needed, block_length) = ("plain", 2, 5, 4);
    assert_eq!(error, DecodeError::EntryTooShort { group, version, needed, block_length });
    assert_eq!(error.to_string(), "entries of plain, version 2, in blocks of 4 bytes, not 5");
    assert!(matches!(with(21, 255), DecodeError::MessageTooShort { available: 136, .. }));
    // The schema allows four entries of `plain`.
    let error = Parts { plain: &[PartsPlain::default(); 5], ..Default::default() };
    let error = error.encode(&mut [0; 200]).expect_err("refused");
    assert_eq!(error, EncodeError::PartTooLong { part: "plain", length: 5, most: 4 });
    assert_eq!(error.to_string(), "5 entries or bytes of plain, more than 4");
    let tail = groups2::PartsHolder { tail: &[0; 255], ..Default::default() };
    let error = Parts { holder: &[tail], ..Default::default() }.encoded_length();
    assert_eq!(error, Err(EncodeError::PartTooLong { part: "tail", length: 255, most: 254 }));
    let mut buffer = [0xaa; 20];
    let error = Parts::default().encode(&mut buffer);
    assert_eq!(error, Err(EncodeError::BufferTooShort { needed: 39, available: 20 }));
    assert_eq!(buffer, [0xaa; 20], "nothing was written");
}

/// A claim of 65,534 entries in a message of 12 bytes ends where the bytes do.
#[test]
fn entries_are_bounded_by_the_bytes() {
    let message = [0, 0, 2, 0, 78, 0, 2, 0, 0, 0, 0xfe, 0xff];
    let error = groups2::WordsReader::new(&message).map(|_| ());
    assert_eq!(
        error,
        Err(groups2::DecodeError::MessageTooShort { needed: 13, available: message.len() })
    );
    let mut message = message.to_vec();
    message.extend([0; 0xfffe]);
    let reader = groups2::WordsReader::new(&message).expect("each entry has its byte");
    assert_eq!(reader.words().filter(|entry| entry.word().is_empty()).count(), 0xfffe);
}
