//! The field tables and the dissector of a small schema, as a person would write them.
//!
//! What the dissector does with messages is for tshark to say: `.ci/interop/tshark.sh`.

use isochron_codegen::emit::{lua, markdown};
use isochron_codegen::model::Schema;
use isochron_codegen::parse;

const SCHEMA: &str = r#"<?xml version="1.0"?>
<s:messageSchema xmlns:s="http://fixprotocol.io/2016/sbe" package="p" id="9" version="2">
  <types>
    <composite name="messageHeader"><type name="blockLength" primitiveType="uint16"/>
      <type name="templateId" primitiveType="uint16"/><type name="schemaId" primitiveType="uint16"/>
      <type name="version" primitiveType="uint16"/></composite>
    <composite name="G"><type name="blockLength" primitiveType="uint16"/>
      <type name="numInGroup" primitiveType="uint8"/></composite>
    <composite name="D"><type name="length" primitiveType="uint8"/>
      <type name="varData" primitiveType="char" length="0"/></composite>
    <composite name="Pair"><type name="left" primitiveType="int8"/>
      <type name="right" primitiveType="int16" presence="optional"/></composite>
    <type name="Scale" primitiveType="uint16" presence="constant">100</type>
    <enum name="Side" encodingType="char" description="Which side.">
      <validValue name="buy" description="Bids | buys.">B</validValue></enum>
    <set name="Bits" encodingType="uint16" description="Some bits.">
      <choice name="oneBit">0</choice><choice name="highBit">9</choice></set>
  </types>
  <s:message name="Order" id="4" description="An order.">
    <field name="clientId" id="1" type="uint32" description="Whose."/>
    <field name="pair" id="2" type="Pair"/>
    <field name="scale" id="3" type="Scale"/>
    <field name="side" id="4" type="Side"/>
    <field name="bits" id="5" type="Bits" sinceVersion="2"/>
    <group name="legs" id="6" dimensionType="G" sinceVersion="1" description="Its legs.">
      <field name="side" id="1" type="uint8"/>
    </group>
    <data name="note" id="7" type="D" description="In words."/>
  </s:message>
  <s:message name="Other" id="5"><field name="side" id="1" type="uint8"/></s:message>
</s:messageSchema>
"#;

const PAGE: &str = r"## Order

Template 4. An order.

| field | offset | bytes | type | none | since | what it is |
|---|---:|---:|---|---|---:|---|
| `clientId` | 0 | 4 | `uint32` |  | 0 | Whose. |
| `pair.left` | 4 | 1 | `int8` |  | 0 |  |
| `pair.right` | 5 | 2 | `int16` | -2^15 | 0 |  |
| `scale` |  |  | `uint16`, always 100 |  | 0 |  |
| `side` | 7 | 1 | [Side](#side) |  | 0 | Which side. |
| `bits` | 8 | 2 | [Bits](#bits) |  | 2 | Some bits. |

Group `legs` (since 1): 3 bytes say an entry's bytes (`uint16`) and the entries (`uint8`). Its legs.

| field | offset | bytes | type | none | since | what it is |
|---|---:|---:|---|---|---:|---|
| `side` | 0 | 1 | `uint8` |  | 0 |  |

End of `legs`.

Data `note` (since 0): their length (`uint8`), then text. In words.

## Other
";

fn model() -> Schema {
    parse("schemas/small.xml", SCHEMA).expect("a schema")
}

#[test]
fn field_tables() {
    let page = markdown::generate(&model());
    assert!(page.contains(PAGE), "{page}");
    assert!(page.starts_with("<!-- @generated from small.xml"), "{page}");
    assert!(page.contains("| 4 | [Order](#order) | 10 | An order. |\n"), "{page}");
    assert!(page.contains("| `B` | buy | Bids \\| buys. |\n"), "{page}");
    assert!(page.contains("| 9 | highBit |  |\n"), "{page}");
}

#[test]
fn a_dissector() {
    let text = lua::generate(&model(), "small");
    for line in [
        "local SCHEMA_ID, SCHEMA_VERSION = 9, 2",
        "names.side = { [66] = \"buy\" }",
        "fields[\"client_id\"] = ProtoField.uint32(\"small.client_id\", \"Client id\", base.DEC, nil, \
         nil, \"Whose.\")",
        // `side` is another kind in the other message, and in the group it is another field.
        "fields[\"order.side\"] = ProtoField.uint8(\"small.order.side\", \"Side\", base.DEC, \
         names.side, nil)",
        "fields[\"other.side\"] = ProtoField.uint8(\"small.other.side\", \"Side\", base.DEC, nil, nil)",
        "fields[\"legs.side\"] = ProtoField.uint8(\"small.legs.side\", \"Side\", base.DEC, nil, nil)",
        "fields[\"bits.high_bit\"] = ProtoField.bool(\"small.bits.high_bit\", \"High bit\", 8, nil, 0x2)",
        "  [4] = { name = \"Order\", lengths = { 8, 8, 10 },",
        "      { 5, 2, fields[\"pair.right\"], null = \"0080\", name = \"Right\" },",
        "      { 8, 2, fields[\"bits\"], bits = { { fields[\"bits.one_bit\"], 0 }, { \
         fields[\"bits.high_bit\"], 1 } }, since = 2, name = \"Bits\" },",
        "      { name = \"legs\", field = fields[\"legs.count\"], since = 1, length = 3, block_length \
         = { 0, 2 }, count = { 2, 1 },",
        "      { name = \"note\", field = fields[\"note\"], since = 0, length = { 0, 1 } },",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\nis not in\n{text}");
    }
}
