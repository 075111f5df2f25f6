//! `isochron calendar`: the steps of a date on the wall and in UTC.

use super::isochron;
use serde_json::{Value, json};
use std::path::Path;

const CONFIG: &str = r#"
[calendar]
time_zone = "America/New_York"
holidays = ["2026-11-26"]
day_start = "07:00"
day_end = "16:30"
phases = [
    { at = "09:30", phase = "open" },
    { at = "16:00", phase = "closed" },
]
early_closes = [{ date = "2026-11-27", at = "13:00" }]
"#;

/// Exit code, output and error of `isochron calendar` with this configuration.
fn calendar(config: &str, words: &[&str]) -> (Option<i32>, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("exchange.toml");
    std::fs::write(&path, config).unwrap();
    let args = [Path::new("calendar"), Path::new("--config"), &path];
    let ran = isochron(args).args(words).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ran.status.code(), text(ran.stdout), text(ran.stderr))
}

#[test]
fn a_day_is_shown_on_the_wall_and_in_utc() {
    let (code, out, error) = calendar(CONFIG, &["--date", "2026-11-27"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let expected = "\
2026-11-27, America/New_York
07:00:00  2026-11-27T12:00:00.000000000Z  day_start
09:30:00  2026-11-27T14:30:00.000000000Z  open
13:00:00  2026-11-27T18:00:00.000000000Z  closed
13:30:00  2026-11-27T18:30:00.000000000Z  day_end
";
    assert_eq!(out, expected);
    let (_, out, _) = calendar(CONFIG, &["--date", "2026-07-01", "--json"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(shown["date"], json!(20_260_701));
    assert_eq!(shown["steps"][1]["step"], json!("open"));
    assert_eq!(shown["steps"][1]["time"], json!("2026-07-01T13:30:00.000000000Z"));
    // Without a date it is the day that runs or comes next, whenever that is.
    let (code, out, _) = calendar(CONFIG, &[]);
    assert_eq!((code, out.lines().count()), (Some(0), 5), "{out}");
}

#[test]
fn a_date_without_trading_and_what_is_wrong_have_codes() {
    for date in ["2026-11-26", "2026-11-28"] {
        let (code, out, _) = calendar(CONFIG, &["--date", date]);
        assert_eq!(code, Some(1));
        assert_eq!(out, format!("{date}, America/New_York: no trading\n"));
    }
    for (config, words, part) in [
        (CONFIG, &["--date", "2026-11-31"][..], "\"2026-11-31\" is no date"),
        ("", &[][..], "it has no [calendar]"),
        (&CONFIG.replace("New_York", "Gotham"), &[][..], "no zone \"America/Gotham\""),
        (&CONFIG.replace("16:30", "15:30"), &[][..], "day_end at 15:30:00 does not come after"),
    ] {
        let (code, out, error) = calendar(config, words);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{error}");
        assert!(error.contains(part), "{error}");
    }
}
