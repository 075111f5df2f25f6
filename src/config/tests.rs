//! What a configuration says, and what is said of one that is wrong.

use super::*;
use std::net::Ipv4Addr;

mod replication;

fn faults(text: &str) -> Vec<String> {
    let Err(faults) = Config::parse(text) else { return Vec::new() };
    faults.0.iter().map(ToString::to_string).collect()
}

/// The example with all that is commented out in it, which stands right behind its `#`.
fn uncommented() -> String {
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_says_the_defaults() {
    assert_eq!(Config::parse(EXAMPLE), Ok(Config::default()));
    assert_eq!(Config::parse(""), Ok(Config::default()));
}

#[test]
fn what_the_example_comments_out_is_right_too() {
    let config = Config::parse(&uncommented()).unwrap();
    let dedicated = Dedicated { agent: "core", core: Some(0), idle: Idle::Spin };
    assert_eq!(config.threads.dedicated, [dedicated]);
    assert_eq!(
        config.sources,
        [Source { id: 2, ring: "orders.ring".into(), ring_bytes: 2_097_152 }]
    );
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let pair = |first: &str, second: &str| (first.to_owned(), second.to_owned());
    let line = 1 + EXAMPLE.lines().position(|line| line == "#[calendar]").unwrap();
    let calendar = Calendar {
        line,
        time_zone: "UTC".into(),
        trading_days: texts(&["mon", "tue", "wed", "thu", "fri"]),
        holidays: texts(&["2026-12-25", "2027-01-01"]),
        day_start: "08:00".into(),
        day_end: "16:15".into(),
        phases: vec![pair("08:30", "pre-open"), pair("09:30", "open"), pair("16:00", "closed")],
        early_closes: vec![pair("2026-12-24", "13:00")],
    };
    assert_eq!(config.calendar, Some(calendar));
    let snapshots = Snapshots { every_commands: Some(4_000_000), ..Snapshots::default() };
    assert_eq!(config.snapshots, snapshots);
    let [user] = &config.recovery.users[..] else { panic!("{:?}", config.recovery.users) };
    assert_eq!((user.name.as_str(), user.messages_per_day), ("alice", Some(100_000_000)));
    assert_eq!(user.products, Some(vec!["l1", "l2", "l3"]));
    assert_eq!(
        (&user.partitions, &user.symbols),
        (&Some(vec![0]), &Some(texts(&["S001", "S002"])))
    );
    let nodes: Vec<_> = config.replication.nodes.iter().map(|node| node.node).collect();
    assert_eq!((nodes, config.replication.key.is_some()), (vec![1, 2], true));
    let config = Config { replication: Replication::default(), ..config };
    let (calendar, sources, threads) = (None, Vec::new(), Threads::default());
    let recovery = Recovery { users: Vec::new(), ..config.recovery };
    let config = Config { calendar, sources, threads, recovery, ..config };
    assert_eq!(Config { snapshots: Snapshots::default(), ..config }, Config::default());
}

/// A key that the example does not show would be one that nobody finds.
#[test]
fn the_example_shows_every_key() {
    let shown = uncommented();
    let sections = ["exchange", "store", "capacity", "market_data", "snapshots", "calendar", "log"];
    let lines = ["market_data.line_a", "market_data.line_b", "recovery", "replication"];
    for section in sections.into_iter().chain(lines) {
        // The fault of an unknown key names all that are known.
        let faults = faults(&format!("[{section}]\nquite_another = 1"));
        let fault = faults.iter().find(|fault| fault.contains("quite_another")).unwrap();
        let (_, known) = fault.split_once("there are ").unwrap();
        for key in known.split(", ") {
            let is_shown = shown.contains(&format!("\n{key} = "))
                || shown.contains(&format!("\n[{section}.{key}]"))
                || shown.contains(&format!("\n[[{section}.{key}]]"));
            assert!(is_shown, "{section}.{key}");
        }
    }
}

#[test]
fn a_configuration_is_read() {
    let text = r#"
        exchange = { name = "XISO", number = 1001, node = 2 }
        store.directory = "/var/lib/isochron"
        store.term_bytes = 0x1_0000
        store.durability = "disk"
        store.retention = "snapshots"
        store.segments_ahead = 8
        store.sync_interval_ms = 0
        threads.placement = "dedicated"
        market_data.products = ["l3", "l2-5"]
        market_data.conflation_ms = 1
        market_data.ttl = 255
        market_data.log_days = 0
        market_data.line_a = { group = "224.0.1.9", port = 1, interface = "10.0.0.7" }
        market_data.line_b.enabled = false
        snapshots = { enabled = false, start_seconds = 2, every_commands = 7, keep = 1 }
        log = { level = "debug", format = "json" }
    "#;
    let config = Config::parse(text).unwrap();
    assert_eq!(config.exchange, Exchange { name: "XISO".into(), number: 1001, node: 2 });
    assert_eq!(config.store.directory.to_str(), Some("/var/lib/isochron"));
    assert_eq!((config.store.term_bytes, config.store.durability), (65_536, Durability::Disk));
    assert_eq!(config.store.retention, Retention::Snapshots);
    assert_eq!((config.store.segments_ahead, config.store.sync_interval_ms), (8, 0));
    assert_eq!(config.threads.placement, Placement::Dedicated);
    let market_data = &config.market_data;
    assert_eq!((market_data.products.as_slice(), market_data.ttl), (&["l3", "l2-5"][..], 255));
    assert_eq!((market_data.conflation_ms, market_data.log_days), (1, 0));
    let interface = Ipv4Addr::new(10, 0, 0, 7);
    let line_a = Line { group: Ipv4Addr::new(224, 0, 1, 9), port: 1, interface };
    assert_eq!((market_data.line_a, market_data.line_b), (line_a, None));
    let (enabled, start_seconds, every_commands, keep) = (false, 2, Some(7), 1);
    assert_eq!(config.snapshots, Snapshots { enabled, start_seconds, every_commands, keep });
    assert_eq!(config.log, Log { level: LogLevel::Debug, format: LogFormat::Json });
}

#[test]
fn unknown_keys_are_named_with_their_line_and_the_nearest() {
    assert_eq!(
        faults("[store]\n\nterm_byte = 65536\n[capcity]\n[log]\nqwertyuiop = 1\n"),
        [
            "line 3: no such key: store.term_byte; did you mean term_bytes?",
            "line 4: no such key: capcity; did you mean capacity?",
            "line 6: no such key: log.qwertyuiop; there are format, level",
        ]
    );
    let entry = "[[sources]]\nid = 1\nring = 'r'\n[[sources]]\nid = 2\nrign = 's'\nring = 't'\n";
    assert_eq!(faults(entry), ["line 6: no such key: sources[1].rign; did you mean ring?"]);
}

#[test]
fn wrong_values_are_named_with_what_is_allowed() {
    for (text, fault) in [
        (
            "market_data.line_a.port = 0",
            "market_data.line_a.port = 0: it is an integer from 1 to 65535",
        ),
        (
            "market_data.line_a.port = 65536",
            "market_data.line_a.port = 65536: it is an integer from 1 to 65535",
        ),
        (
            "market_data.line_a.port = -1",
            "market_data.line_a.port = -1: it is an integer from 1 to 65535",
        ),
        (
            "market_data.line_a.port = \"1\"",
            "market_data.line_a.port = \"1\": it is an integer from 1 to 65535",
        ),
        (
            "market_data.line_a.port = 1.5",
            "market_data.line_a.port = 1.5: it is an integer from 1 to 65535",
        ),
        (
            "capacity.orders = 99999999999999999999999999999999999999999999999999",
            "capacity.orders = 99999999999999999999999999999999999999999999999999: it is an \
             integer from 1 to 16777216",
        ),
        (
            "store.term_bytes = 65537",
            "store.term_bytes = 65537: it is a power of two from 65536 to 1073741824",
        ),
        (
            "store.durability = \"dsik\"",
            "store.durability = \"dsik\": it is one of \"process\", \"disk\"",
        ),
        ("store.segments_ahead = 0", "store.segments_ahead = 0: it is an integer from 1 to 8"),
        (
            "store.sync_interval_ms = 10001",
            "store.sync_interval_ms = 10001: it is an integer from 0 to 10000",
        ),
        ("exchange.name = \"\"", "exchange.name = \"\": it is a text of 1 to 64 bytes"),
        (
            "market_data.line_a.group = \"10.0.0.1\"",
            "market_data.line_a.group = \"10.0.0.1\": it is a multicast group, an address from 224.0.0.0 to \
             239.255.255.255",
        ),
        (
            "market_data.line_a.interface = \"eth0\"",
            "market_data.line_a.interface = \"eth0\": it is the IPv4 address of an interface",
        ),
        ("store = 1", "store = 1: it is a section, written [store]"),
        ("sources = 1", "sources = 1: it is written [[sources]]"),
        ("sources = [1]", "sources = 1: it is written [[sources]]"),
        ("[[sources]]\nid = 1", "sources[0]: it has no `ring`"),
        (
            "[[threads.dedicated]]\nagent = \"coer\"",
            "threads.dedicated[0].agent = \"coer\": it is one of \"core\", \"feed\", \
             \"feed-log\", \"source\", \"sync\", \"segments\", \"retention\", \"snapshot\", \
             \"scheduler\", \"recovery\", \"images\", \"passwords\", \"primary\", \
             \"standby\", \"follower\", \"catch-up\"",
        ),
    ] {
        check_only_fault(text, fault);
    }
}

#[test]
fn wrong_market_data_is_named_with_what_is_allowed() {
    for (text, fault) in [
        (
            "market_data.end_session_at_stop = 1",
            "market_data.end_session_at_stop = 1: it is true or false",
        ),
        (
            "market_data.products = [\"l1\", \"l1\"]",
            "market_data.products = [...]: it is a list of some of \"l1\", \"l2\", \"l3\", \
             \"l2-5\", \"l2-10\", \"l1-conflated\", \"l2-conflated\", each once",
        ),
        (
            "market_data.line_a.enabled = false",
            "no such key: market_data.line_a.enabled; there are group, interface, port",
        ),
        (
            "market_data.line_b = { group = \"239.77.1.1\", port = 40_001 }",
            "market_data: both lines begin at 239.77.1.1:40001",
        ),
    ] {
        check_only_fault(text, fault);
    }
}

fn check_only_fault(text: &str, fault: &str) {
    let found = faults(text);
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    let (line, found) = found[0].split_once(": ").unwrap();
    assert_eq!(found, fault);
    assert!(line == "line 1" || line == "line 2", "{line}");
}

#[test]
fn a_calendar_is_whole_and_made_of_texts() {
    assert_eq!(
        faults("\n[calendar]\n[[calendar.phases]]\nat = 930\n"),
        [
            "line 2: calendar: it has no `day_end`",
            "line 2: calendar: it has no `day_start`",
            "line 3: calendar.phases[0]: it has no `phase`",
            "line 4: calendar.phases[0].at = 930: it is a text of 1 to 64 bytes",
        ]
    );
    let sound = "day_start = '08:00'\nday_end = '17:00'\nphases = []\n";
    assert_eq!(
        faults(&format!("[calendar]\nholidays = [1]\n{sound}")),
        ["line 2: calendar.holidays = [...]: it is a list of texts, 1000 at most"]
    );
    let calendar = Config::parse(&format!("\n[calendar]\n{sound}")).unwrap().calendar.unwrap();
    assert_eq!((calendar.line, calendar.time_zone.as_str()), (2, "UTC"));
    assert_eq!(calendar.trading_days.len(), 5);
}

#[test]
fn all_faults_come_at_once_and_broken_toml_with_its_line() {
    let found = faults("[market_data]\nlog_days = -1\nttl = 256\n[log]\nlevel = 1\n");
    let lines: Vec<_> = found.iter().map(|fault| fault.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["line 2", "line 3", "line 5"]);
    let broken = faults("[log]\nport = 1\nport = 2\n");
    assert!(broken.len() == 1 && broken[0].starts_with("line 3: "), "{broken:?}");
    let broken = faults("[log\nport = 1\n");
    assert!(!broken.is_empty() && broken[0].starts_with("line 1: "), "{broken:?}");
}

#[test]
fn sources_are_told_apart_and_counted() {
    let source = |id: u32| format!("[[sources]]\nid = {id}\nring = \"r{id}\"\n");
    let six: String = (1..=6).map(source).collect();
    assert_eq!(Config::parse(&six).unwrap().sources.len(), 6);
    assert_eq!(faults(&(six + &source(8))), ["line 19: sources[6]: at most 6 sources"]);
    // The last id is the scheduler's.
    let last = ["line 2: sources[0].id = 1024: it is an integer from 1 to 1023"];
    assert_eq!(faults(&source(1024)), last);
    let twice = source(1) + &source(1);
    assert_eq!(faults(&twice), ["line 4: sources[1]: another has id 1 or ring r1"]);
}

/// Bytes that are no configuration are refused, never more.
#[test]
fn any_text_is_read_or_refused() {
    let text = uncommented();
    for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
        let _ = Config::parse(&text[..cut]);
    }
    for nested in [100, 10_000] {
        let _ = Config::parse(&format!("a = {}{}", "[".repeat(nested), "]".repeat(nested)));
    }
}

#[test]
fn the_repair_services_users_are_told_apart() {
    let user = |name: &str| format!("[[recovery.users]]\nname = '{name}'\npassword = 'hash'\n");
    let read = Config::parse(&(user("alice") + &user("bob"))).unwrap().recovery;
    assert_eq!((read.users.len(), read.users[1].line), (2, 4));
    assert_eq!((read.users[0].products.clone(), read.users[0].connections_max), (None, None));
    let fault = "line 4: recovery.users[1]: there is a user \"ALICE\" already (case is ignored)";
    assert_eq!(faults(&(user("alice") + &user("ALICE"))), [fault]);
    for (text, fault) in [
        ("[[recovery.users]]\nname = 'a'", "recovery.users[0]: it has no `password`"),
        (
            "[recovery]\nreplay = 'here'",
            "recovery.replay = \"here\": it is an IPv4 address and a port, such as \
             127.0.0.1:42001; port 0 is any that is free",
        ),
        (
            "[recovery]\nconnections_max = 0",
            "recovery.connections_max = 0: it is an integer from 1 to 65536",
        ),
    ] {
        let found = faults(text);
        assert!(found.iter().any(|found| found.ends_with(fault)), "{found:?}");
    }
    let long = faults(&user("alice77"));
    assert!(long[0].ends_with("it is 1 to 6 letters and digits"), "{long:?}");
    let none = user("alice") + "products = []";
    assert!(faults(&none)[0].contains("it is a list of some of"), "{:?}", faults(&none));
}
