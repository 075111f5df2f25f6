//! Numbers and texts as a scenario writes them.

use crate::exchange::words::Client;

/// A price or an amount of money, at most four decimals.
pub(crate) fn money(text: &str) -> Result<i64, String> {
    let bad = || format!("no amount: {text}");
    let digits = text.replace(',', "");
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, digits.as_str()),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let padded = format!("{part:0<4}");
    if padded.len() != 4 {
        return Err(bad());
    }
    let whole: i128 = whole.parse().map_err(|_| bad())?;
    let part: i128 = padded.parse().map_err(|_| bad())?;
    i64::try_from(sign * (whole * 10_000 + part)).map_err(|_| bad())
}

/// Two decimals, or four where they are needed.
pub(crate) fn show_money(amount: i128) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let (whole, part) = (amount.unsigned_abs() / 10_000, amount.unsigned_abs() % 10_000);
    if part.is_multiple_of(100) {
        format!("{sign}{whole}.{:02}", part / 100)
    } else {
        format!("{sign}{whole}.{part:04}")
    }
}

/// A number, perhaps with commas between the thousands.
pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.replace(',', "").parse().map_err(|_| format!("no number: {text}"))
}

/// A padded text; `-` is none, `\s` a blank, `\t` a tab, `\0` a zero byte.
pub(crate) fn padded<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let text = if text == "-" { "" } else { text };
    let plain = text.replace("\\s", " ").replace("\\t", "\t").replace("\\0", "\0");
    let mut bytes = [0; N];
    bytes
        .get_mut(..plain.len())
        .ok_or(format!("longer than {N}: {text}"))?
        .copy_from_slice(plain.as_bytes());
    Ok(bytes)
}

/// A client order id as a scenario writes it.
pub(crate) fn show_client(client: &Client) -> String {
    let end = client.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    if end == 0 {
        return "-".to_owned();
    }
    let show = |b: &u8| match b {
        0 => "\\0".to_owned(),
        b' ' => "\\s".to_owned(),
        b'\t' => "\\t".to_owned(),
        other => char::from(*other).to_string(),
    };
    client[..end].iter().map(show).collect()
}
