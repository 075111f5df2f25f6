//! The ASCII fields of SoupBinTCP packets: padded when written, trimmed on both sides when read.

use std::fmt;

use isochron_feeds::mold::Session;

/// The longest field.
const FIELD_BYTES_MAX: usize = 20;

/// Why a field does not hold what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldError {
    /// A text that does not fit, or is not printable, or has blanks that padding would swallow.
    Text {
        /// Which field.
        field: &'static str,
        /// Its characters.
        characters: usize,
        /// How many there may be.
        max: usize,
    },
    /// No session's name.
    Session {
        /// What stands there, cut or filled up to its ten bytes.
        found: [u8; 10],
    },
    /// No number of 64 bits.
    Number {
        /// What stands there, cut or filled up to its twenty bytes.
        found: [u8; 20],
    },
}

impl FieldError {
    pub(super) fn no_number(found: &[u8]) -> FieldError {
        FieldError::Number { found: cut(found) }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { field, characters, max } => write!(
                f,
                "a {field} of {characters} characters: 1 to {max} of printable ASCII are taken, \
                 none of them a blank at an end"
            ),
            Self::Session { found } => {
                write!(f, "\"{}\" is no session's name", trimmed(found).escape_ascii())
            }
            Self::Number { found } => {
                write!(f, "\"{}\" is no sequence number", trimmed(found).escape_ascii())
            }
        }
    }
}

impl std::error::Error for FieldError {}

/// The session that a field names, blank where it is.
///
/// # Errors
/// Where other characters than letters, digits and blanks stand there.
pub fn session_of(field: &[u8]) -> Result<Session, FieldError> {
    let name = std::str::from_utf8(trimmed(field)).ok().and_then(Session::new);
    name.ok_or(FieldError::Session { found: cut(field) })
}

/// The number in a field; `None` where it is blank.
///
/// # Errors
/// Where other characters than digits stand there, or the number has more than 64 bits.
pub fn sequence_of(field: &[u8]) -> Result<Option<u64>, FieldError> {
    let digits = trimmed(field);
    if digits.is_empty() {
        return Ok(None);
    }
    let add = |number: u64, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    let number = digits.iter().try_fold(0, add);
    number.map(Some).ok_or(FieldError::no_number(field))
}

/// The field without the blanks around it.
pub(super) fn trimmed(field: &[u8]) -> &[u8] {
    let Some(first) = field.iter().position(|byte| *byte != b' ') else { return &[] };
    let last = field.iter().rposition(|byte| *byte != b' ').expect("there is a first one");
    &field[first..=last]
}

/// The text with blanks behind it.
pub(super) fn left_justified<const N: usize>(
    name: &'static str,
    text: &str,
) -> Result<[u8; N], FieldError> {
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let whole = trimmed(text.as_bytes()).len() == text.len();
    if text.is_empty() || text.len() > N || !printable || !whole {
        return Err(FieldError::Text { field: name, characters: text.chars().count(), max: N });
    }
    Ok(cut(text.as_bytes()))
}

/// The text with blanks before it; a longer one loses its end.
pub(super) fn right_justified<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [b' '; N];
    let bytes = &text.as_bytes()[..text.len().min(N)];
    field[N - bytes.len()..].copy_from_slice(bytes);
    field
}

/// The first bytes, as many as there are, and blanks.
fn cut<const N: usize>(bytes: &[u8]) -> [u8; N] {
    const { assert!(N <= FIELD_BYTES_MAX) };
    let mut field = [b' '; N];
    let length = bytes.len().min(N);
    field[..length].copy_from_slice(&bytes[..length]);
    field
}
