//! Reads the rows of a LOBSTER message file, one line at a time, whatever the bytes.
//!
//! ```text
//!   34200.004241176,1,16113575,18,5853300,1
//!   seconds after midnight, type, order id, size, price in 1/10,000, side of the resting order
//! ```
//!
//! Types: 1 new, 2 partial cancel, 3 deletion, 4 execution of a visible order, 5 of a hidden one,
//! 6 cross trade, 7 halt (price -1 halted, 0 quoting resumes, 1 trading resumes). More fields than
//! six are ignored. Source: LOBSTER output structure, message file.

use crate::limits::{PRICE_MAX, QUANTITY_MAX};
use crate::types::Side;
use isochron_events::Phase;
use std::fmt;
use std::io::{BufRead, Read};

/// Bytes of a line: six numbers need at most 90.
const LINE_BYTES_MAX: u64 = 256;

/// Seconds of a day.
const SECONDS_MAX: u64 = 86_400;

/// What a row tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A new limit order.
    New { id: u64, side: Side, price: i64, size: u64 },
    /// A resting order becomes smaller by `size`.
    Reduce { id: u64, size: u64 },
    /// A resting order is deleted.
    Delete { id: u64 },
    /// A visible order, of this side, is executed.
    Execute { id: u64, side: Side, price: i64, size: u64 },
    /// A hidden order is executed.
    Hidden,
    /// An auction.
    Cross,
    /// Trading halts, quoting resumes, trading resumes.
    Halt(Phase),
}

/// A row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// From 1.
    pub(super) line: u64,
    /// Nanoseconds after midnight.
    pub(super) time_ns: u64,
    pub(super) event: Event,
}

/// Why a line is no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Longer than any row.
    LineTooLong,
    /// Bytes that are no text.
    NotText,
    /// Fewer than six fields.
    FieldsMissing,
    Time,
    Type,
    OrderId,
    Size,
    SizeZero,
    Price,
    Direction,
    /// The file cannot be read further.
    Unreadable,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::LineTooLong => "line too long",
            Fault::NotText => "not text",
            Fault::FieldsMissing => "fewer than six fields",
            Fault::Time => "time is none",
            Fault::Type => "type unknown",
            Fault::OrderId => "order id is none",
            Fault::Size => "size out of range",
            Fault::SizeZero => "size is zero",
            Fault::Price => "price out of range",
            Fault::Direction => "direction is neither 1 nor -1",
            Fault::Unreadable => "file cannot be read further",
        })
    }
}

/// A line of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Row(Row),
    Broken {
        line: u64,
        fault: Fault,
    },
    /// Names of columns, as the first line.
    Header,
    Blank,
}

/// The lines of a file, in order.
pub(super) struct Rows {
    input: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    line: u64,
    /// Lines that end in carriage return and line feed.
    crlf: u64,
    over: bool,
}

impl Rows {
    pub(super) fn new(input: Box<dyn BufRead + Send>) -> Self {
        let buffer = Vec::with_capacity(LINE_BYTES_MAX as usize + 1);
        Self { input, buffer, line: 0, crlf: 0, over: false }
    }

    /// Lines that ended in carriage return and line feed so far.
    pub(super) fn crlf(&self) -> u64 {
        self.crlf
    }

    /// The next line; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Line> {
        if self.over {
            return None;
        }
        self.line += 1;
        let line = self.line;
        match self.read() {
            Ok(0) => {
                self.over = true;
                None
            }
            Ok(_) => Some(self.judge(line)),
            Err(_) => {
                self.over = true;
                Some(Line::Broken { line, fault: Fault::Unreadable })
            }
        }
    }

    /// Reads a line into the buffer, as far as a row may be long; 0 at the end.
    fn read(&mut self) -> std::io::Result<usize> {
        self.buffer.clear();
        self.input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.buffer)
    }

    /// Passes what is left of a line.
    fn pass(&mut self) {
        while let Ok(bytes) = self.input.fill_buf() {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(bytes.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() || used == 0 {
                return;
            }
        }
    }

    fn judge(&mut self, line: u64) -> Line {
        if self.buffer.len() as u64 == LINE_BYTES_MAX && !self.buffer.ends_with(b"\n") {
            self.pass();
            return Line::Broken { line, fault: Fault::LineTooLong };
        }
        self.crlf += u64::from(self.buffer.ends_with(b"\r\n"));
        let Ok(text) = std::str::from_utf8(&self.buffer) else {
            return Line::Broken { line, fault: Fault::NotText };
        };
        let text = if line == 1 { text.trim_start_matches('\u{feff}') } else { text };
        let text = text.trim();
        if text.is_empty() {
            return Line::Blank;
        }
        if line == 1 && text.starts_with(|first: char| first.is_alphabetic() || first == '"') {
            return Line::Header;
        }
        match parse(text) {
            Ok((time_ns, event)) => Line::Row(Row { line, time_ns, event }),
            Err(fault) => Line::Broken { line, fault },
        }
    }
}

fn parse(text: &str) -> Result<(u64, Event), Fault> {
    let mut fields = text.split(',').map(str::trim);
    let mut field = || fields.next().ok_or(Fault::FieldsMissing);
    let [time, kind, id, size, price, direction] =
        [field()?, field()?, field()?, field()?, field()?, field()?];
    let time_ns = time_of(time).ok_or(Fault::Time)?;
    let id = || id.parse().map_err(|_| Fault::OrderId);
    let side = || match direction {
        "1" => Ok(Side::Buy),
        "-1" => Ok(Side::Sell),
        _ => Err(Fault::Direction),
    };
    let size = || match size.parse() {
        Ok(0) => Err(Fault::SizeZero),
        Ok(size) if size <= QUANTITY_MAX => Ok(size),
        _ => Err(Fault::Size),
    };
    let number = price.parse::<i64>();
    let price = || number.clone().ok().filter(|price| (1..=PRICE_MAX).contains(price));
    let price = || price().ok_or(Fault::Price);
    let event = match kind {
        "1" => Event::New { id: id()?, side: side()?, price: price()?, size: size()? },
        "2" => Event::Reduce { id: id()?, size: size()? },
        "3" => Event::Delete { id: id()? },
        "4" => Event::Execute { id: id()?, side: side()?, price: price()?, size: size()? },
        "5" => Event::Hidden,
        "6" => Event::Cross,
        "7" => Event::Halt(match number {
            Ok(-1) => Phase::HALTED,
            Ok(0) => Phase::PRE_OPEN,
            Ok(1) => Phase::OPEN,
            _ => return Err(Fault::Price),
        }),
        _ => return Err(Fault::Type),
    };
    Ok((time_ns, event))
}

/// Seconds with up to nine digits behind the point, in nanoseconds; further digits are dropped.
fn time_of(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) {
        return None;
    }
    let seconds: u64 = seconds.parse().ok().filter(|seconds| *seconds <= SECONDS_MAX)?;
    let places = (0..9).map(|place| fraction.as_bytes().get(place).map_or(0, |digit| digit - b'0'));
    Some(seconds * 1_000_000_000 + places.fold(0, |ns, digit| ns * 10 + u64::from(digit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn lines(text: &[u8]) -> Vec<Line> {
        let mut rows = Rows::new(Box::new(Cursor::new(text.to_vec())));
        std::iter::from_fn(move || rows.next()).collect()
    }

    fn row(line: u64, time_ns: u64, event: Event) -> Line {
        Line::Row(Row { line, time_ns, event })
    }

    #[test]
    fn each_type_of_row_is_read() {
        let text = b"34200.004241176,1,16113575,18,5853300,1\n\
            34200.5,2,16113575,3,5853300,1\n34201,3,16113575,15,5853300,-1\n\
            34201.0000000019,4,7,40,5853300,-1,extra\n34201,5,0,1,5853350,1\n34201,6,0,9,1,1\n\
            34202,7,0,0,-1,-1\n34203,7,0,0,0,-1\n34204,7,0,0,1,-1";
        let (s, ns) = (1_000_000_000, 34_200_004_241_176);
        let (buy, sell, price) = (Side::Buy, Side::Sell, 5_853_300);
        let expected = [
            row(1, ns, Event::New { id: 16_113_575, side: buy, price, size: 18 }),
            row(2, 34_200 * s + s / 2, Event::Reduce { id: 16_113_575, size: 3 }),
            row(3, 34_201 * s, Event::Delete { id: 16_113_575 }),
            row(4, 34_201 * s + 1, Event::Execute { id: 7, side: sell, price, size: 40 }),
            row(5, 34_201 * s, Event::Hidden),
            row(6, 34_201 * s, Event::Cross),
            row(7, 34_202 * s, Event::Halt(Phase::HALTED)),
            row(8, 34_203 * s, Event::Halt(Phase::PRE_OPEN)),
            row(9, 34_204 * s, Event::Halt(Phase::OPEN)),
        ];
        assert_eq!(lines(text), expected);
    }

    #[test]
    fn each_fault_is_named() {
        let cases = [
            ("1,1,2,3,100", Fault::FieldsMissing),
            ("?,1,2,3,100,1", Fault::Time),
            ("-1,1,2,3,100,1", Fault::Time),
            ("1.,1,2,3,100,1", Fault::Time),
            ("86401,1,2,3,100,1", Fault::Time),
            ("3.42e4,1,2,3,100,1", Fault::Time),
            ("1,8,2,3,100,1", Fault::Type),
            ("1,one,2,3,100,1", Fault::Type),
            ("1,1,-2,3,100,1", Fault::OrderId),
            ("1,3,18446744073709551616,3,100,1", Fault::OrderId),
            ("1,1,2,-3,100,1", Fault::Size),
            ("1,1,2,1000000001,100,1", Fault::Size),
            ("1,2,2,0,100,1", Fault::SizeZero),
            ("1,1,2,3,0,1", Fault::Price),
            ("1,4,2,3,-100,1", Fault::Price),
            ("1,1,2,3,1000000000001,1", Fault::Price),
            ("1,1,2,3,58.53,1", Fault::Price),
            ("1,7,0,0,2,-1", Fault::Price),
            ("1,1,2,3,100,0", Fault::Direction),
            ("1,4,2,3,100,buy", Fault::Direction),
        ];
        for (text, fault) in cases {
            assert_eq!(lines(text.as_bytes()), [Line::Broken { line: 1, fault }], "{text}");
        }
        let broken = Line::Broken { line: 2, fault: Fault::NotText };
        assert_eq!(lines(b"\n\xff,\n"), [Line::Blank, broken]);
    }

    #[test]
    fn headers_blanks_carriage_returns_and_a_mark_are_no_faults() {
        let deleted = |line| row(line, 1_000_000_000, Event::Delete { id: 2 });
        let mut rows = Rows::new(Box::new(Cursor::new("Time,Type,ID\r\n1,3,2,3,100,1\r\n\r\n")));
        assert_eq!(rows.next(), Some(Line::Header));
        assert_eq!(rows.next(), Some(deleted(2)));
        assert_eq!((rows.next(), rows.next(), rows.next()), (Some(Line::Blank), None, None));
        assert_eq!(rows.crlf(), 3);
        assert_eq!(lines("\u{feff}1, 3, 2, 3, 100, 1".as_bytes()), [deleted(1)]);
        let broken = Line::Broken { line: 2, fault: Fault::Time };
        assert_eq!(lines(b"1,3,2,3,100,1\nTime,Type,ID,Size,Price,D"), [deleted(1), broken]);
    }

    #[test]
    fn a_line_without_end_is_one_fault() {
        let row = "1,3,2,3,100,1";
        let long = |length: usize| format!("{}\n{row}\n", "9".repeat(length));
        for length in [256, 257, 100_000] {
            let found = lines(long(length).as_bytes());
            assert_eq!(found[0], Line::Broken { line: 1, fault: Fault::LineTooLong });
            assert!(matches!(found[1..], [Line::Row(Row { line: 2, .. })]), "{length}");
        }
        let found = lines(long(255).as_bytes());
        assert_eq!(found[0], Line::Broken { line: 1, fault: Fault::FieldsMissing });
        assert_eq!(lines("9".repeat(9_000).as_bytes()).len(), 1);
    }

    /// A file that breaks off after its first bytes.
    struct Torn(Cursor<&'static [u8]>);

    impl Read for Torn {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other("torn")),
                bytes => Ok(bytes),
            }
        }
    }

    #[test]
    fn a_file_that_breaks_off_ends_with_a_fault() {
        let torn = Torn(Cursor::new(b"1,3,2,3,100,1\n1,3,"));
        let mut rows = Rows::new(Box::new(std::io::BufReader::new(torn)));
        assert!(matches!(rows.next(), Some(Line::Row(_))));
        let fault = Fault::Unreadable;
        assert_eq!(rows.next(), Some(Line::Broken { line: 2, fault }));
        assert_eq!(rows.next(), None);
    }
}
