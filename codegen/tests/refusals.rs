//! What the generator does not support, or a schema gets wrong, is refused with its line.

use isochron_codegen::emit::rust::generate;
use isochron_codegen::parse;

/// The message header that every schema needs, on line 4.
const HEADER: &str = "<composite name=\"messageHeader\">\
    <type name=\"blockLength\" primitiveType=\"uint16\"/>\
    <type name=\"templateId\" primitiveType=\"uint16\"/>\
    <type name=\"schemaId\" primitiveType=\"uint16\"/>\
    <type name=\"version\" primitiveType=\"uint16\"/></composite>";

/// A schema of version 1 with `types` from line 5 and `messages` from line 10.
fn schema(types: &str, messages: &str) -> String {
    let blank = "\n".repeat(5 - types.matches('\n').count() - 1);
    format!(
        "<?xml version=\"1.0\"?>\n\
         <s:messageSchema xmlns:s=\"http://fixprotocol.io/2016/sbe\" package=\"p\" id=\"1\" \
         version=\"1\">\n\
         <types>\n{HEADER}\n{types}{blank}</types>\n{messages}\n</s:messageSchema>\n"
    )
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    match parse("s.xml", text) {
        Ok(_) => panic!("taken, not refused with: {expected}"),
        Err(error) => assert_eq!(error.to_string(), expected),
    }
}

/// `types` stand on line 5; the refusal is expected there, or `line` lines later.
#[track_caller]
fn refused_type(types: &str, line: usize, expected: &str) {
    refused(&schema(types, ""), &format!("s.xml:{}: {expected}", 5 + line));
}

/// `fields` stand on line 11, inside of a message.
#[track_caller]
fn refused_field(fields: &str, line: usize, expected: &str) {
    let types = "<type name=\"T\" primitiveType=\"uint32\"/>\
                 <enum name=\"E\" encodingType=\"uint8\"><validValue \
                 name=\"a\">1</validValue></enum>\
                 <set name=\"S\" encodingType=\"uint8\"><choice name=\"a\">1</choice></set>\
                 <type name=\"A\" primitiveType=\"uint32\" length=\"2\"/>";
    let messages = format!("<s:message name=\"M\" id=\"1\">\n{fields}\n</s:message>");
    refused(&schema(types, &messages), &format!("s.xml:{}: {expected}", 11 + line));
}

#[test]
fn a_schema_without_faults_is_taken() {
    let text =
        schema("<type name=\"T\" primitiveType=\"uint32\"/>", "<s:message name=\"M\" id=\"1\"/>");
    let model = parse("s.xml", &text).expect("taken");
    assert_eq!((model.id, model.version, model.messages.len()), (1, 1, 1));
}

#[test]
fn what_is_not_supported_yet() {
    refused_type(
        "<type name=\"V\" primitiveType=\"uint8\" length=\"0\"/>",
        0,
        "length=\"0\" stands only beside the name varData",
    );
    refused_type(
        "<composite name=\"C\">\n<ref name=\"r\" type=\"X\"/></composite>",
        1,
        "the type `X` is not defined",
    );
    refused_type(
        "<composite name=\"C\">\n<type name=\"a\" primitiveType=\"int8\" \
        sinceVersion=\"1\"/></composite>",
        1,
        "sinceVersion inside a composite is not supported",
    );
    let big = schema("", "").replace("version=\"1\">", "version=\"1\" byteOrder=\"bigEndian\">");
    refused(&big, "s.xml:2: byteOrder=\"bigEndian\": only littleEndian is supported");
    for field in ["A", "S"] {
        refused_field(
            &format!("<field name=\"a\" id=\"1\" type=\"{field}\" presence=\"optional\"/>"),
            0,
            "presence=\"optional\" is supported on numbers and enums only",
        );
    }
    refused_field(
        "<field name=\"a\" id=\"1\" type=\"T\" wonder=\"1\"/>",
        0,
        "attribute `wonder` of <field> is not supported",
    );
}

#[test]
fn the_message_header() {
    let text = schema("", "");
    let expected =
        "the message header must be blockLength, templateId, schemaId, version, each uint16";
    for (from, to) in [
        ("\"version\" primitiveType=\"uint16\"", "\"version\" primitiveType=\"uint8\""),
        ("templateId", "template"),
        ("<type name=\"version\" primitiveType=\"uint16\"/>", ""),
        (
            "\"schemaId\" primitiveType=\"uint16\"",
            "\"schemaId\" primitiveType=\"uint16\" offset=\"6\"",
        ),
    ] {
        refused(&text.replace(from, to), &format!("s.xml:4: {expected}"));
    }
    let other = text.replace("\"messageHeader\"", "\"otherHeader\"");
    refused(&other, "s.xml:2: the header type `messageHeader` is not defined");
}

#[test]
fn types() {
    refused_type(
        "\n<type name=\"T\" primitiveType=\"uint128\"/>",
        1,
        "primitiveType=\"uint128\" is unknown",
    );
    refused_type("<type name=\"T\"/>", 0, "<type> has no attribute `primitiveType`");
    refused_type("<type primitiveType=\"int8\"/>", 0, "<type> has no attribute `name`");
    refused_type(
        "<type name=\"a b\" primitiveType=\"int8\"/>",
        0,
        "name \"a b\" is no SBE symbolic name",
    );
    refused_type(
        "<type name=\"T\" primitiveType=\"int8\"/>\n<type name=\"T\" primitiveType=\"int8\"/>",
        1,
        "the type `T` is defined twice",
    );
    refused_type(
        "<type name=\"T\" primitiveType=\"int8\" presence=\"optional\" nullValue=\"200\"/>",
        0,
        "\"200\" is no number from -128 to 127",
    );
    refused_type(
        "<type name=\"T\" primitiveType=\"int8\" nullValue=\"1\"/>",
        0,
        "nullValue stands only beside presence=\"optional\"",
    );
    refused_type(
        "<type name=\"T\" primitiveType=\"int8\" presence=\"maybe\"/>",
        0,
        "presence=\"maybe\" is unknown",
    );
    refused_type(
        "<type name=\"T\" primitiveType=\"char\" length=\"2\" presence=\"constant\">abc</type>",
        0,
        "the constant \"abc\" is longer than 2 bytes",
    );
    refused_type(
        "<type name=\"T\" primitiveType=\"char\" length=\"70000\"/>",
        0,
        "length=\"70000\" is too long",
    );
}

#[test]
fn enums_and_sets() {
    refused_type(
        "<enum name=\"E\" encodingType=\"double\"/>",
        0,
        "encodingType=\"double\" is no integer",
    );
    refused_type(
        "<enum name=\"E\" encodingType=\"X\"/>",
        0,
        "encodingType=\"X\" names no integer type",
    );
    refused_type(
        "<enum name=\"E\" encodingType=\"uint8\">\n<validValue name=\"a\">256</validValue></enum>",
        1,
        "\"256\" is no number from 0 to 255",
    );
    refused_type(
        "<enum name=\"E\" encodingType=\"uint8\"><validValue name=\"a\">1</validValue>\n\
         <validValue name=\"b\">1</validValue></enum>",
        1,
        "`b` or its code 1 is there already",
    );
    refused_type(
        "<set name=\"S\" encodingType=\"int8\"/>",
        0,
        "a set is encoded in an unsigned integer",
    );
    refused_type(
        "<set name=\"S\" encodingType=\"uint8\">\n<choice name=\"a\">8</choice></set>",
        1,
        "\"8\" is no bit below 8",
    );
}

#[test]
fn layouts() {
    refused_field(
        "<field name=\"a\" id=\"1\" type=\"T\"/>\n<field name=\"b\" id=\"2\" type=\"T\" \
        offset=\"3\"/>",
        1,
        "`b` at 3 overlaps what ends at 4",
    );
    refused_field(
        "<field name=\"a\" id=\"1\" type=\"T\" offset=\"70000\"/>",
        0,
        "70004 bytes, more than 65534",
    );
    refused_type(
        "<composite name=\"C\">\n<type name=\"a\" primitiveType=\"int8\" \
        presence=\"constant\">1</type>\
         </composite>",
        0,
        "a composite without bytes is not supported",
    );
    let message = "<s:message name=\"M\" id=\"1\" blockLength=\"3\">\n\
                   <field name=\"a\" id=\"1\" type=\"uint32\"/></s:message>";
    refused(&schema("", message), "s.xml:10: blockLength=\"3\": the fields take 4 bytes");
}

#[test]
fn messages_and_fields() {
    refused_field("<field name=\"a\" id=\"1\" type=\"X\"/>", 0, "the type `X` is not defined");
    refused_field("<field name=\"a\" type=\"T\"/>", 0, "<field> has no attribute `id`");
    refused_field(
        "<field name=\"a\" id=\"70000\" type=\"T\"/>",
        0,
        "id=\"70000\" is no number in range",
    );
    refused_field(
        "<field name=\"a\" id=\"1\" type=\"T\"/>\n<field name=\"b\" id=\"1\" type=\"T\"/>",
        1,
        "field id 1 is `a` already",
    );
    refused_field(
        "<field name=\"a\" id=\"1\" type=\"T\"/>\n<field name=\"a\" id=\"2\" type=\"T\"/>",
        1,
        "`a` is there twice",
    );
    refused_field(
        "<field name=\"a\" id=\"1\" type=\"T\" sinceVersion=\"2\"/>",
        0,
        "sinceVersion 2 in a schema of version 1",
    );
    refused_field(
        "<field name=\"a\" id=\"1\" type=\"T\" sinceVersion=\"1\"/>\n\
         <field name=\"b\" id=\"2\" type=\"T\"/>",
        1,
        "`b` is older than the field before it",
    );
    refused_field(
        "<field name=\"a\" id=\"1\" type=\"E\" presence=\"constant\" valueRef=\"E.z\"/>",
        0,
        "valueRef=\"E.z\" names no value",
    );
    let twice = "<s:message name=\"M\" id=\"1\"/>\n<s:message name=\"N\" id=\"1\"/>";
    refused(&schema("", twice), "s.xml:11: `N` with id 1, after `M` with id 1");
    refused(&schema("", "<s:include/>"), "s.xml:10: <include> is not supported here");
    refused("<a>", "s.xml:1: the root node was opened but never closed");
    refused("<a/>", "s.xml:1: the root element is not <messageSchema>");
}

#[test]
fn names_that_rust_could_not_tell_apart() {
    for (types, name) in [
        ("<set name=\"Message\" encodingType=\"uint8\"/>", "Message"),
        (
            "<set name=\"FooBar\" encodingType=\"uint8\"/><set name=\"fooBar\" \
            encodingType=\"uint8\"/>",
            "FooBar",
        ),
        (
            "<enum name=\"E\" encodingType=\"uint8\"><validValue \
            name=\"all\">1</validValue></enum>",
            "ALL",
        ),
    ] {
        let model = parse("s.xml", &schema(types, "")).expect("a schema");
        let error = generate(&model, "crate").expect_err("refused").to_string();
        assert_eq!(error, format!("the Rust name `{name}` would be there twice"));
    }
}

/// The composites before groups and data, which take no line.
const PARTS: &str = "<composite name=\"G\"><type name=\"blockLength\" primitiveType=\"uint8\"/>\
    <type name=\"numInGroup\" primitiveType=\"uint8\"/></composite>\
    <composite name=\"D\"><type name=\"length\" primitiveType=\"uint8\"/>\
    <type name=\"varData\" primitiveType=\"uint8\" length=\"0\"/></composite>\
    <type name=\"T\" primitiveType=\"uint32\"/><type name=\"L\" primitiveType=\"char\" \
    length=\"255\"/>";

/// `parts` stand on line 11, inside of a message.
#[track_caller]
fn refused_part(parts: &str, line: usize, expected: &str) {
    let messages = format!("<s:message name=\"M\" id=\"1\">\n{parts}\n</s:message>");
    refused(&schema(PARTS, &messages), &format!("s.xml:{}: {expected}", 11 + line));
}

#[test]
fn groups_and_data() {
    let field = "<field name=\"a\" id=\"1\" type=\"T\"/>";
    let group =
        |inside: &str| format!("<group name=\"g\" id=\"2\" dimensionType=\"G\">\n{inside}</group>");
    let data = |since: u16| {
        format!(
            "<data name=\"d{since}\" id=\"{}\" type=\"D\" sinceVersion=\"{since}\"/>",
            3 + since
        )
    };
    refused_part("<table name=\"t\" id=\"1\"/>", 0, "<table> in a message");
    refused_part(&(group(field) + "\n" + field), 2, "`a`: a field behind a group");
    refused_part(&(data(0) + "\n" + &group(field)), 1, "`g`: a group behind a data");
    refused_part(&(data(1) + "\n" + &data(0)), 1, "`d0` is older than the data before it");
    refused_part(&data(2), 0, "sinceVersion 2 in a schema of version 1");
    let again = group(field).replace("id=\"2\"", "id=\"1\"");
    refused_part(&(field.to_owned() + "\n" + &again), 1, "field id 1 is `a` already");
    let again = group(field).replace("\"g\"", "\"a\"");
    refused_part(&(field.to_owned() + "\n" + &again), 1, "`a` is there twice");
    refused_part(&group(""), 0, "entries of `g` without bytes");
    let newer = field.replace("type", "sinceVersion=\"1\" type");
    refused_part(&group(&newer), 0, "entries of `g` without bytes");
    let long = field.replace("\"T\"", "\"L\"");
    refused_part(&group(&long), 0, "entries of 255 bytes, more than 254");
    refused_part(&field.replace("\"T\"", "\"G\""), 0, "the type `G` is no field's");
    refused_part(&data(0).replace("\"D\"", "\"T\""), 0, "the type `T` is no length and varData");
    let group = group(field).replace(" dimensionType=\"G\"", "");
    refused_part(&group, 0, "dimensionType=\"groupSizeEncoding\" names no dimensions");
}

#[test]
fn the_composites_before_groups_and_data() {
    let both = "a composite with numInGroup or varData is blockLength and numInGroup, or length \
                and varData";
    for (from, to, expected) in [
        ("blockLength\" primitiveType=\"uint8\"", "other\" primitiveType=\"uint8\"", both),
        ("<type name=\"length\" primitiveType=\"uint8\"/>", "", both),
        (
            "blockLength\" primitiveType=\"uint8\"",
            "blockLength\" primitiveType=\"uint32\"",
            "a blockLength of more than 16 bits",
        ),
        (
            "numInGroup\" primitiveType=\"uint8\"",
            "numInGroup\" primitiveType=\"int8\"",
            "primitiveType=\"int8\" of a length",
        ),
        (
            "numInGroup\" primitiveType=\"uint8\"",
            "numInGroup\" primitiveType=\"uint8\" offset=\"0\"",
            "offset=\"0\" of a length, after 1",
        ),
        (
            "\"length\" primitiveType=\"uint8\"",
            "\"length\" primitiveType=\"uint8\" presence=\"optional\"",
            "a length is always there",
        ),
        (
            "primitiveType=\"uint8\" length=\"0\"",
            "primitiveType=\"uint8\" length=\"7\"",
            "the length of varData is \"0\"",
        ),
        (
            "primitiveType=\"uint8\" length=\"0\"",
            "primitiveType=\"int64\" length=\"0\"",
            "primitiveType=\"int64\" of varData",
        ),
    ] {
        assert!(PARTS.contains(from), "{from}");
        refused_type(&PARTS.replace(from, to), 0, expected);
    }
}

#[test]
fn names_of_entries_that_rust_could_not_tell_apart() {
    let messages = "<s:message name=\"M\" id=\"1\"><group name=\"g\" id=\"1\" dimensionType=\"G\">\
                    <field name=\"a\" id=\"1\" type=\"T\"/></group></s:message>\
                    <s:message name=\"MG\" id=\"2\"/>";
    let model = parse("s.xml", &schema(PARTS, messages)).expect("a schema");
    // Words of capitals are one word: `MG` is `Mg` in Rust, and the entries are `MG`.
    assert!(generate(&model, "crate").is_ok());
    let messages = messages.replace("\"MG\"", "\"M_G\"");
    let model = parse("s.xml", &schema(PARTS, &messages)).expect("a schema");
    let error = generate(&model, "crate").expect_err("refused").to_string();
    assert_eq!(error, "the Rust name `MG` would be there twice");
}
