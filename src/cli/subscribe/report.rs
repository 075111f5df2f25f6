//! What a subscriber says of itself: a line each second, views, and its last words.

use super::content::Content;
use super::follower::{Follower, Verdict};
use super::ladder::{Choice, Level, LineView, Status, View};
use super::market;
use isochron_feeds::subscriber::{Source, SourceStatistics};
use serde_json::{Value, json};

impl Follower {
    /// Where it stands.
    pub(super) fn status(&self, now_ns: u64) -> Status {
        let statistics = self.statistics();
        let (repaired_udp, repaired_tcp) = self.repaired();
        let lines =
            self.lines().map(|(_, line)| LineView { datagrams: line.datagrams, lost: line.lost });
        Status {
            state: self.subscriber().state(now_ns).to_string(),
            session: self.session().map_or_else(String::new, |session| session.to_string()),
            next_sequence: self.next_sequence(),
            messages_per_second: self.messages_per_second,
            lines: lines.collect(),
            gaps: statistics.gaps,
            lost: statistics.lost,
            repaired_udp,
            repaired_tcp,
            snapshots: statistics.snapshots,
        }
    }

    /// One line about now.
    pub(super) fn status_line(&self, now_ns: u64) -> String {
        let status = self.status(now_ns);
        let mut text = format!(
            "{}: next {}, {} messages/s",
            status.state, status.next_sequence, status.messages_per_second
        );
        let repaired = status.repaired_udp + status.repaired_tcp;
        for (count, word) in [(repaired, "repaired"), (status.lost, "lost")] {
            if count > 0 {
                text += &format!(", {count} {word}");
            }
        }
        if let Some(quote) = self.content.a_quote() {
            text += &format!(", {quote}");
        }
        text
    }

    /// What is shown of one instrument; `rows` is how many of each side are wanted.
    pub(super) fn view(&self, level: Level, choice: &mut Choice, rows: usize, now_ns: u64) -> View {
        let level = market::level(level, self.content.books.product());
        let known = self.symbols();
        let place = choice.place(&known);
        View {
            level,
            market: place
                .and_then(|at| market::market(&self.content.books, known[at].0, level, rows)),
            wanted: choice.wanted().map(str::to_owned),
            place: (place.map_or(0, |at| at + 1), known.len()),
            status: self.status(now_ns),
            said: None,
        }
    }

    /// The lines that were heard: A always, B where it spoke.
    fn lines(&self) -> impl Iterator<Item = (&'static str, SourceStatistics)> + '_ {
        let lines = [("a", Source::LineA), ("b", Source::LineB)];
        let lines = lines.map(|(name, source)| (name, self.subscriber().source(source)));
        lines.into_iter().filter(|(name, line)| *name == "a" || line.datagrams > 0)
    }

    /// The last line.
    pub(super) fn summary(&self) -> String {
        let Some(session) = self.session() else {
            return "nothing of the session was heard".to_owned();
        };
        let statistics = self.statistics();
        let books = self.content.books.statistics();
        let (first, next) = (self.subscriber().first_sequence(), self.next_sequence());
        let verdict = match self.verdict() {
            Verdict::Complete => "complete",
            Verdict::Broken => "BROKEN",
            Verdict::JoinedLate => "joined late, books incomplete",
        };
        let mut text = format!(
            "session {session}: {verdict}; [{first}, {next}), {} lost in {} gaps, {} checksums \
             agreed, {} did not",
            statistics.lost, statistics.gaps, books.checksums_verified, books.checksums_failed
        );
        let (udp, tcp) = self.repaired();
        if udp + tcp > 0 {
            text += &format!(", {udp} repaired by UDP, {tcp} by TCP");
        }
        if statistics.snapshots > 0 {
            text += &format!(
                ", {} snapshots for {} messages",
                statistics.snapshots, statistics.covered
            );
        }
        text
    }

    /// The last line as JSON.
    pub(super) fn report(&self, now_ns: u64) -> Value {
        let Content { books, undecodable, faults, .. } = &self.content;
        let (statistics, of_books) = (self.statistics(), books.statistics());
        let (repaired_udp, repaired_tcp) = self.repaired();
        let lines = self.lines().map(|(name, line)| {
            let value = json!({
                "datagrams": line.datagrams,
                "messages": line.messages,
                "late": line.late,
                "duplicates": line.duplicates,
                "heartbeats": line.heartbeats,
                "lost": line.lost,
            });
            (name.to_owned(), value)
        });
        json!({
            "pid": std::process::id(),
            "session": self.session().map(|session| session.to_string()),
            "state": self.subscriber().state(now_ns).word(),
            "verdict": format!("{:?}", self.verdict()),
            "first_sequence": self.subscriber().first_sequence(),
            "next_sequence": self.next_sequence(),
            "messages": statistics.delivered,
            "lost": statistics.lost,
            "gaps": statistics.gaps,
            "recovered": statistics.recovered,
            "repaired_udp": repaired_udp,
            "repaired_tcp": repaired_tcp,
            "requests": statistics.requests,
            "snapshots": statistics.snapshots,
            "covered_by_snapshots": statistics.covered,
            "ended": self.has_ended(),
            "lines": Value::Object(lines.collect()),
            "datagrams": self.datagrams(),
            "data_datagrams": self.faults.data_datagrams(),
            "refused": self.refusals,
            "undecodable": undecodable,
            "faults": faults,
            "trades": of_books.trades,
            "checksums_verified": of_books.checksums_verified,
            "checksums_failed": of_books.checksums_failed,
            "checksums": self.content.books_json(),
        })
    }
}
