//! Groups and data, byte for byte: by hand from the schemas, as the specification prints them, and
//! against the crate `sbe_gen`.
//!
//! Excluded, a known fault of `sbe_gen` 0.7.3: the schema id in its headers, which is always 0.

use isochron_codegen_oracle::parts::car::Car;
use isochron_codegen_oracle::parts::groups::Owned;
use isochron_codegen_oracle::random::Random;
use isochron_codegen_oracle::{car, groups2, specification};

/// Random messages of each kind.
const ROUNDS: usize = 300;

/// "Message with a repeating group", without the framing header (SBE 1.0, Examples).
const EXECUTION_REPORT: [u8; 78] = [
    0x2a, 0x00, 0x62, 0x00, 0x5b, 0x00, 0x00, 0x00, 0x4f, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x31,
    0x45, 0x58, 0x45, 0x43, 0x30, 0x30, 0x30, 0x30, 0x46, 0x31, 0x47, 0x45, 0x4d, 0x34, 0x00, 0x00,
    0x00, 0x00, 0xde, 0x07, 0x06, 0xff, 0xff, 0x31, 0x01, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00,
    0x75, 0x3e, 0x0c, 0x00, 0x02, 0x00, 0x1a, 0x85, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00,
    0x00, 0x00, 0x24, 0x85, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00,
];

/// "Message with a variable-length field", without the framing header (SBE 1.0, Examples).
const BUSINESS_MESSAGE_REJECT: [u8; 58] = [
    0x09, 0x00, 0x61, 0x00, 0x5b, 0x00, 0x00, 0x00, 0x4f, 0x52, 0x44, 0x30, 0x30, 0x30, 0x30, 0x31,
    0x06, 0x27, 0x00, 0x4e, 0x6f, 0x74, 0x20, 0x61, 0x75, 0x74, 0x68, 0x6f, 0x72, 0x69, 0x7a, 0x65,
    0x64, 0x20, 0x74, 0x6f, 0x20, 0x74, 0x72, 0x61, 0x64, 0x65, 0x20, 0x74, 0x68, 0x61, 0x74, 0x20,
    0x69, 0x6e, 0x73, 0x74, 0x72, 0x75, 0x6d, 0x65, 0x6e, 0x74,
];

#[test]
fn the_specifications_message_with_a_group() {
    use specification::{
        ExecTypeEnum, ExecutionReport, ExecutionReportFillsGrp, ExecutionReportReader, MonthYear,
        OptionalDecimalEncoding, OrdStatusEnum, QtyEncoding, SideEnum,
    };
    let quantity = |mantissa| QtyEncoding { mantissa };
    let fill = |price, count| ExecutionReportFillsGrp {
        fill_px: OptionalDecimalEncoding { mantissa: Some(price) },
        fill_qty: quantity(count),
    };
    let report = ExecutionReport {
        order_id: *b"O0000001",
        exec_id: *b"EXEC0000",
        exec_type: ExecTypeEnum::TRADE,
        ord_status: OrdStatusEnum::PARTIAL_FILLED,
        symbol: *b"GEM4\0\0\0\0",
        maturity_month_year: MonthYear { year: 2014, month: 6, day: None, week: None },
        side: SideEnum::BUY,
        leaves_qty: quantity(1),
        cum_qty: quantity(6),
        // 2013-10-11, in days since 1970.
        trade_date: 15_989,
        fills_grp: &[fill(99_610, 2), fill(99_620, 4)],
    };
    let mut buffer = [0xaa; 80];
    assert_eq!(report.encode(&mut buffer), Ok(78));
    assert_eq!(buffer[..78], EXECUTION_REPORT);
    assert_eq!(buffer[78..], [0xaa; 2], "nothing behind the message is touched");
    let reader = ExecutionReportReader::new(&EXECUTION_REPORT).expect("an execution report");
    assert_eq!(reader.maturity_month_year(), report.maturity_month_year);
    assert_eq!((reader.leaves_qty(), reader.cum_qty()), (quantity(1), quantity(6)));
    let fills: Vec<_> = reader.fills_grp().map(|e| (e.fill_px(), e.fill_qty())).collect();
    let expected: Vec<_> = report.fills_grp.iter().map(|f| (f.fill_px, f.fill_qty)).collect();
    assert_eq!(fills, expected);
}

#[test]
fn the_specifications_message_with_data() {
    use specification::{
        BusinessMessageReject, BusinessMessageRejectReader, BusinessRejectReasonEnum, Message,
    };
    let reject = BusinessMessageReject {
        business_reject_ref_id: *b"ORD00001",
        business_reject_reason: BusinessRejectReasonEnum::NOT_AUTHORIZED,
        text: b"Not authorized to trade that instrument",
    };
    let mut buffer = [0xaa; 58];
    assert_eq!(reject.encode(&mut buffer), Ok(58));
    assert_eq!(buffer, BUSINESS_MESSAGE_REJECT);
    let reader = BusinessMessageRejectReader::new(&buffer).expect("a reject");
    assert_eq!(reader.text(), reject.text);
    assert_eq!(reader.business_reject_reason(), reject.business_reject_reason);
    assert!(matches!(Message::decode(&buffer), Ok(Message::BusinessMessageReject(_))));
}

/// The car of SBE's own examples, by hand: a group with data, a group in a group, three data.
#[rustfmt::skip]
const CAR: [u8; 175] = [
    45, 0, 1, 0, 79, 0, 0, 0, // header: block 45, template 1, schema 79, version 0
    0xd2, 0x04, 0, 0, 0, 0, 0, 0, 0xdd, 0x07, 1, b'A', // 1234, 2013, available, model A
    0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, b'a', b'b', b'c', b'd', b'e', b'f', 0b110,
    0xd0, 0x07, 4, b'1', b'2', b'3', 35, 1, b'N', 200, // engine: 2000, 4, code, 35 %, booster
    6, 0, 3, 0, // three fuel figures in blocks of 6
    30, 0, 0x9a, 0x99, 0x0f, 0x42, // 30, 35.9 (IEEE 754: 0x420f999a)
    11, 0, b'U', b'r', b'b', b'a', b'n', b' ', b'C', b'y', b'c', b'l', b'e',
    55, 0, 0, 0, 0x44, 0x42, // 55, 49.0
    14, 0, b'C', b'o', b'm', b'b', b'i', b'n', b'e', b'd', b' ', b'C', b'y', b'c', b'l', b'e',
    75, 0, 0, 0, 0x20, 0x42, // 75, 40.0
    13, 0, b'H', b'i', b'g', b'h', b'w', b'a', b'y', b' ', b'C', b'y', b'c', b'l', b'e',
    1, 0, 2, 0, // two performance figures in blocks of 1
    95, 6, 0, 2, 0, 30, 0, 0, 0, 0x80, 0x40, 60, 0, 0, 0, 0xf0, 0x40, // 30 in 4.0, 60 in 7.5
    99, 6, 0, 1, 0, 100, 0, 0, 0, 0x40, 0x41, // 100 in 12.0
    5, 0, 0, 0, b'H', b'o', b'n', b'd', b'a',
    9, 0, b'C', b'i', b'v', b'i', b'c', b' ', b'V', b'T', b'i',
    3, 0xde, 0xad, 0,
];

#[test]
fn a_car_is_what_its_schema_says() {
    use car::{CarFuelFigures, CarPerformanceFigures, CarPerformanceFiguresAcceleration, Engine};
    let fuel = |speed, mpg, usage_description| CarFuelFigures { speed, mpg, usage_description };
    let acceleration = |mph, seconds| CarPerformanceFiguresAcceleration { mph, seconds };
    let message = car::Car {
        serial_number: 1234,
        model_year: 2013,
        available: car::BooleanType::T,
        code: car::Model::A,
        some_numbers: [0, 1, 2, 3],
        vehicle_code: *b"abcdef",
        extras: car::OptionalExtras::SPORTS_PACK | car::OptionalExtras::CRUISE_CONTROL,
        engine: Engine {
            capacity: 2000,
            num_cylinders: 4,
            manufacturer_code: *b"123",
            efficiency: 35,
            booster_enabled: car::BooleanType::T,
            booster: car::Booster { booster_type: car::BoosterType::NITROUS, horse_power: 200 },
        },
        fuel_figures: &[
            fuel(30, 35.9, b"Urban Cycle"),
            fuel(55, 49.0, b"Combined Cycle"),
            fuel(75, 40.0, b"Highway Cycle"),
        ],
        performance_figures: &[
            CarPerformanceFigures {
                octane_rating: 95,
                acceleration: &[acceleration(30, 4.0), acceleration(60, 7.5)],
            },
            CarPerformanceFigures { octane_rating: 99, acceleration: &[acceleration(100, 12.0)] },
        ],
        manufacturer: b"Honda",
        model: b"Civic VTi",
        activation_code: &[0xde, 0xad, 0],
    };
    let mut buffer = [0xaa; 200];
    let length = message.encode(&mut buffer).expect("long enough");
    assert_eq!(buffer[..length], CAR[..length]);
    assert_eq!((length, message.encoded_length()), (CAR.len(), Ok(CAR.len())));
    let read = Car::read(&CAR).expect("a car");
    assert_eq!(read.encode(), CAR);
    assert_eq!(read.fuel_figures[1], (55, 49.0, b"Combined Cycle".to_vec()));
    assert_eq!(read.performance_figures[0].1[1].seconds.to_bits(), 7.5_f32.to_bits());
    assert_eq!(
        (Engine::MAX_RPM, Engine::FUEL, car::Car::DISCOUNTED_MODEL),
        (9000, *b"Petrol", car::Model::C)
    );
    let reader = car::CarReader::new(&CAR).expect("a car");
    assert_eq!((reader.fuel_figures().len(), reader.encoded_length()), (3, CAR.len()));
}

/// Version 0 of `Parts` by hand.
#[rustfmt::skip]
const PARTS: [u8; 66] = [
    4, 0, 1, 0, 78, 0, 0, 0, 1, 2, 3, 4, // header, amount
    3, 2, 7, 8, 9, 10, 11, 12, // plain: two entries of 3, lengths of 8 bits
    4, 0, 2, 0, // holder: two entries of 4, lengths of 16 bits
    1, 0, 0, 0, 1, 2, 2, 2, b'a', b'b', 3, 0, 3, 0, b'x', b'y', b'z', // inner with notes, blob
    4, 0, 0, 0, 1, 0, 0, 0, // inner is empty, blob too
    13, 0, 0, 0, b't', b'h', b'i', b'r', b't', b'e', b'e', b'n', b'b', b'y', b't', b'e', b's',
];

fn parts() -> Owned {
    use isochron_codegen_oracle::groups0::PartsPlain;
    Owned {
        amount: 0x0403_0201,
        plain: vec![PartsPlain { code: 7, size: 0x0908 }, PartsPlain { code: 10, size: 0x0c0b }],
        holder: vec![
            (1, vec![(2, b"ab".to_vec()), (3, vec![])], b"xyz".to_vec()),
            (4, vec![], vec![]),
        ],
        text: b"thirteenbytes".to_vec(),
    }
}

#[test]
fn lengths_of_8_16_and_32_bits() {
    let bytes = parts().encode();
    assert_eq!(bytes[..], PARTS[..bytes.len()]);
    assert_eq!(bytes.len(), PARTS.len());
    assert_eq!(Owned::read(&PARTS), Ok(parts()));
}

#[test]
fn a_gap_in_the_dimensions_and_a_count_of_32_bits() {
    let entry = groups2::PartsLate { letters: [b'l'; 40], later: Some(0x0605) };
    let message = groups2::Parts { late: &[entry], text: b"", ..Default::default() };
    let mut buffer = [0xaa; 200];
    let length = message.encode(&mut buffer).expect("long enough");
    let mut expected = vec![12, 0, 1, 0, 78, 0, 2, 0, 0, 0, 0, 0];
    expected.extend([0xff; 8]); // extra: null
    expected.extend([5, 0, 6, 0, 0, 0]); // plain, holder: empty
    expected.extend([42, 0, 0, 0, 1, 0, 0, 0]); // late: blocks of 42, a gap, one entry
    expected.extend([b'l'; 40]);
    expected.extend([5, 6, 0, 0, 0, 0, 0]); // later; text and lateText are empty
    assert_eq!(buffer[..length], expected);
}

#[test]
fn random_cars_are_byte_for_byte_those_of_sbe_gen() {
    let mut random = Random::new(7);
    for round in 0..ROUNDS {
        let car = Car::random(&mut random);
        let ours = car.encode();
        let mut theirs = car.encode_theirs();
        assert_eq!(theirs[4..6], [0, 0], "the fault is gone, compare it");
        theirs[4] = 79;
        assert_eq!(ours, theirs, "round {round}");
        assert_eq!(Car::read(&ours), Ok(car.clone()), "round {round}");
        assert_eq!(car.read_theirs(&ours), Some((car.clone(), 0)), "round {round}");
    }
}

#[test]
fn random_groups_are_byte_for_byte_those_of_sbe_gen() {
    let mut random = Random::new(8);
    for round in 0..ROUNDS {
        let message = Owned::random(&mut random);
        let ours = message.encode();
        let mut theirs = message.encode_theirs();
        assert_eq!(theirs[4..6], [0, 0], "the fault is gone, compare it");
        theirs[4] = 78;
        assert!(ours == theirs, "round {round}");
        assert!(Owned::read(&ours).as_ref() == Ok(&message), "round {round}");
        assert!(Owned::read_theirs(&ours) == Some((message, 0)), "round {round}");
    }
}
