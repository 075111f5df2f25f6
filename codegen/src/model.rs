//! What a schema says, resolved: every offset, width and null value is a number here.
//!
//! The parser makes it and every emitter reads it (Rust, the dissector, the field tables), so that
//! no emitter looks at XML and no two of them can disagree about a layout.

/// A primitive of SBE 1.0 (section 2, "Field encoding").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Primitive {
    /// One byte of text.
    Char,
    /// Signed, 8 bits.
    Int8,
    /// Signed, 16 bits.
    Int16,
    /// Signed, 32 bits.
    Int32,
    /// Signed, 64 bits.
    Int64,
    /// Unsigned, 8 bits.
    Uint8,
    /// Unsigned, 16 bits.
    Uint16,
    /// Unsigned, 32 bits.
    Uint32,
    /// Unsigned, 64 bits.
    Uint64,
    /// IEEE 754 binary32.
    Float,
    /// IEEE 754 binary64.
    Double,
}

impl Primitive {
    /// Every primitive with its name in a schema.
    const NAMES: [(&'static str, Self); 11] = [
        ("char", Self::Char),
        ("int8", Self::Int8),
        ("int16", Self::Int16),
        ("int32", Self::Int32),
        ("int64", Self::Int64),
        ("uint8", Self::Uint8),
        ("uint16", Self::Uint16),
        ("uint32", Self::Uint32),
        ("uint64", Self::Uint64),
        ("float", Self::Float),
        ("double", Self::Double),
    ];

    /// The primitive that a schema calls `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, primitive)| *primitive)
    }

    /// Its name in a schema.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| *name)
    }

    /// Bytes on the wire.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Char | Self::Int8 | Self::Uint8 => 1,
            Self::Int16 | Self::Uint16 => 2,
            Self::Int32 | Self::Uint32 | Self::Float => 4,
            Self::Int64 | Self::Uint64 | Self::Double => 8,
        }
    }

    /// Whether it is `float` or `double`.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float | Self::Double)
    }

    /// Whether it has a sign and is no float.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Int8 | Self::Int16 | Self::Int32 | Self::Int64)
    }

    /// The null value of SBE 1.0 where the schema names none.
    #[must_use]
    pub const fn null(self) -> Number {
        match self {
            Self::Char => Number::Integer(0),
            Self::Int8 => Number::Integer(i8::MIN as i128),
            Self::Int16 => Number::Integer(i16::MIN as i128),
            Self::Int32 => Number::Integer(i32::MIN as i128),
            Self::Int64 => Number::Integer(i64::MIN as i128),
            Self::Uint8 => Number::Integer(u8::MAX as i128),
            Self::Uint16 => Number::Integer(u16::MAX as i128),
            Self::Uint32 => Number::Integer(u32::MAX as i128),
            Self::Uint64 => Number::Integer(u64::MAX as i128),
            Self::Float | Self::Double => Number::Float(f64::NAN),
        }
    }

    /// The least and the greatest integer that fit; `None` for floats.
    #[must_use]
    pub const fn range(self) -> Option<(i128, i128)> {
        let bits = 8 * self.size() as u32;
        if self.is_float() {
            None
        } else if self.is_signed() {
            Some((-(1 << (bits - 1)), (1 << (bits - 1)) - 1))
        } else {
            Some((0, (1 << bits) - 1))
        }
    }
}

/// A value that a schema states.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// For every primitive but floats.
    Integer(i128),
    /// For floats.
    Float(f64),
}

/// What stands in the bytes of a field. The numbers are indexes into [`Schema`]'s lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One primitive.
    Scalar(Primitive),
    /// A fixed number of one primitive.
    Array(Primitive, usize),
    /// One of [`Schema::enums`].
    Enum(usize),
    /// One of [`Schema::sets`].
    Set(usize),
    /// One of [`Schema::composites`].
    Composite(usize),
}

/// The value of a constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// A number.
    Number(Number),
    /// Text, as long as the array.
    Text(Vec<u8>),
    /// The value of that index of the enum that the field's kind names.
    EnumValue(usize),
}

/// Whether a field is always there.
#[derive(Clone, Debug, PartialEq)]
pub enum Presence {
    /// Always.
    Required,
    /// The number says that there is no value.
    Optional(Number),
    /// Never on the wire.
    Constant(Constant),
}

/// A field of a message or a member of a composite.
#[derive(Clone, Debug)]
pub struct Member {
    /// The schema's name.
    pub name: String,
    /// The schema's words on the field, then those on its type; may be empty.
    pub description: String,
    /// The schema's name of its type; the member's own name in a composite.
    pub type_name: String,
    /// Its field id; 0 in a composite.
    pub id: u16,
    /// Where the schema defines it.
    pub line: u32,
    /// Bytes from the start of the block or composite.
    pub offset: usize,
    /// The schema version that brought it.
    pub since: u16,
    /// What stands there.
    pub kind: Kind,
    /// Whether it is always there.
    pub presence: Presence,
}

impl Member {
    /// Whether the field only fills space: written as zeros and ignored on reading.
    #[must_use]
    pub fn is_padding(&self) -> bool {
        self.name.starts_with("padding")
    }

    /// Whether the field has no bytes.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        matches!(self.presence, Presence::Constant(_))
    }
}

/// A name for a number.
#[derive(Clone, Debug)]
pub struct EnumValue {
    /// The schema's name.
    pub name: String,
    /// The schema's words; may be empty.
    pub description: String,
    /// The code on the wire.
    pub code: i128,
}

/// Names for numbers; other numbers are valid too and survive.
#[derive(Clone, Debug)]
pub struct Enum {
    /// The schema's name.
    pub name: String,
    /// The schema's words; may be empty.
    pub description: String,
    /// How a code stands on the wire.
    pub primitive: Primitive,
    /// The code that says that there is no value.
    pub null: Number,
    /// In the schema's order.
    pub values: Vec<EnumValue>,
}

/// A bit of a set.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The schema's name.
    pub name: String,
    /// The schema's words; may be empty.
    pub description: String,
    /// 0 is the least significant bit.
    pub bit: u32,
}

/// Names for bits; other bits survive.
#[derive(Clone, Debug)]
pub struct Set {
    /// The schema's name.
    pub name: String,
    /// The schema's words; may be empty.
    pub description: String,
    /// How the bits stand on the wire.
    pub primitive: Primitive,
    /// In the schema's order.
    pub choices: Vec<Choice>,
}

/// Several members under one name.
#[derive(Clone, Debug)]
pub struct Composite {
    /// The schema's name.
    pub name: String,
    /// The schema's words; may be empty.
    pub description: String,
    /// In wire order.
    pub members: Vec<Member>,
    /// Bytes on the wire.
    pub length: usize,
}

/// An unsigned number that counts what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Bytes from the start of its composite.
    pub offset: usize,
    /// How it stands on the wire: an unsigned integer of at most 32 bits.
    pub primitive: Primitive,
    /// The greatest number that is written: the schema's maximum, else one less than fits, because
    /// the greatest that fits is the null value.
    pub most: u64,
}

/// What stands before a group's entries (SBE 1.0, "Encoding of repeating group dimensions").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimension {
    /// The bytes of each entry's block.
    pub block_length: Counter,
    /// The entries.
    pub count: Counter,
    /// Bytes on the wire.
    pub length: usize,
}

/// Entries of one shape, any number of them.
#[derive(Clone, Debug)]
pub struct Group {
    /// The schema's name.
    pub name: String,
    /// The schema's words; may be empty.
    pub description: String,
    /// Its field id.
    pub id: u16,
    /// The schema version that brought it; 0 if it is as old as what holds it.
    pub since: u16,
    /// What stands before the entries.
    pub dimension: Dimension,
    /// What each entry is.
    pub body: Body,
}

/// Bytes of any number, behind their length.
#[derive(Clone, Debug)]
pub struct Data {
    /// The schema's name.
    pub name: String,
    /// The schema's words; may be empty.
    pub description: String,
    /// The schema's name of its type.
    pub type_name: String,
    /// Its field id.
    pub id: u16,
    /// The schema version that brought it; 0 if it is as old as what holds it.
    pub since: u16,
    /// How many bytes follow.
    pub length: Counter,
    /// Whether the bytes are characters.
    pub is_text: bool,
}

/// Fields in a block, then groups, then data: a message, and also each entry of a group.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// In wire order.
    pub fields: Vec<Member>,
    /// Bytes of the block, as this version writes it.
    pub block_length: usize,
    /// In wire order, behind the block.
    pub groups: Vec<Group>,
    /// In wire order, behind the groups.
    pub data: Vec<Data>,
}

impl Body {
    /// Whether there is more than the block.
    #[must_use]
    pub fn has_parts(&self) -> bool {
        !(self.groups.is_empty() && self.data.is_empty())
    }
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// The schema's name.
    pub name: String,
    /// The schema's words; may be empty.
    pub description: String,
    /// The template id.
    pub id: u16,
    /// What stands behind the header.
    pub body: Body,
}

/// A whole schema.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Its file, as errors and generated files name it.
    pub path: String,
    /// The package attribute.
    pub package: String,
    /// The schema's words; may be empty.
    pub description: String,
    /// The schema id.
    pub id: u16,
    /// The schema version that is written.
    pub version: u16,
    /// In the schema's order.
    pub enums: Vec<Enum>,
    /// In the schema's order.
    pub sets: Vec<Set>,
    /// In the schema's order, without the message header.
    pub composites: Vec<Composite>,
    /// In the schema's order.
    pub messages: Vec<Message>,
}

impl Schema {
    /// Bytes of `kind` on the wire.
    #[must_use]
    pub fn size(&self, kind: Kind) -> usize {
        match kind {
            Kind::Scalar(primitive) => primitive.size(),
            Kind::Array(primitive, length) => primitive.size() * length,
            Kind::Enum(index) => self.enums[index].primitive.size(),
            Kind::Set(index) => self.sets[index].primitive.size(),
            Kind::Composite(index) => self.composites[index].length,
        }
    }

    /// Bytes of `member` on the wire; none if it is constant.
    #[must_use]
    pub fn member_size(&self, member: &Member) -> usize {
        if member.is_constant() { 0 } else { self.size(member.kind) }
    }

    /// Bytes that a block of `version` has at least: up to the last field that it knows.
    #[must_use]
    pub fn block_length_at(&self, body: &Body, version: u16) -> usize {
        let known = body.fields.iter().filter(|field| field.since <= version);
        known.map(|field| field.offset + self.member_size(field)).max().unwrap_or(0)
    }

    /// Whether a message has groups or data.
    #[must_use]
    pub fn has_parts(&self) -> bool {
        self.messages.iter().any(|message| message.body.has_parts())
    }

    /// Whether `kind` holds a float, which has no total equality.
    #[must_use]
    pub fn holds_float(&self, kind: Kind) -> bool {
        match kind {
            Kind::Scalar(primitive) | Kind::Array(primitive, _) => primitive.is_float(),
            Kind::Enum(_) | Kind::Set(_) => false,
            Kind::Composite(index) => self.members_hold_float(&self.composites[index].members),
        }
    }

    /// Whether one of `members` on the wire holds a float.
    #[must_use]
    pub fn members_hold_float(&self, members: &[Member]) -> bool {
        members.iter().any(|member| !member.is_constant() && self.holds_float(member.kind))
    }

    /// Whether a field of `body`, or of an entry in it, holds a float.
    #[must_use]
    pub fn body_holds_float(&self, body: &Body) -> bool {
        self.members_hold_float(&body.fields)
            || body.groups.iter().any(|group| self.body_holds_float(&group.body))
    }
}
