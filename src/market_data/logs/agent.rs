//! Works for the feed's logs on a thread that may wait for the disk.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use isochron_feeds::channel::Channel;
use isochron_feeds::mold::Session;

use super::{Answer, Opened, Request};
use crate::agent::Agent;
use crate::feed_log::{
    FeedLog, FeedLogError, FeedLogOptions, FeedLogWriter, LogHelpers, RecordTail, directory,
    remove, sessions,
};
use crate::store::{Disk, Until};
use crate::types::Nanos;

/// Opens logs, prepares their segments, makes them durable, and removes those that are old.
pub struct LogAgent {
    disk: Arc<dyn Disk>,
    options: FeedLogOptions,
    days: u32,
    requests: Receiver<Request>,
    answers: Sender<Answer>,
    helpers: Vec<(Session, LogHelpers)>,
    /// Sessions whose log was opened and whose channel's old logs were not looked at since.
    looks: Vec<Session>,
    now: Nanos,
    failure: Option<String>,
}

impl LogAgent {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        options: FeedLogOptions,
        days: u32,
        requests: Receiver<Request>,
        answers: Sender<Answer>,
    ) -> Self {
        let (helpers, looks, now, failure) = (Vec::new(), Vec::new(), Nanos(0), None);
        Self { disk, options, days, requests, answers, helpers, looks, now, failure }
    }

    fn on_request(&mut self, request: Request, now: Nanos) {
        match request {
            Request::Open { session, next_sequence } => {
                let opened = self.open(session, next_sequence, now).map(Box::new);
                if opened.is_ok() {
                    self.looks.push(session);
                }
                // A feed that is gone wants nothing any more.
                let _ = self.answers.send((session, opened));
            }
            Request::Close(writer) => {
                self.helpers.retain(|(session, _)| *session != writer.session());
                // What a disk did not take is made of the event log again, where it is wanted.
                let _ = writer.close();
            }
        }
    }

    fn open(
        &mut self,
        session: Session,
        next_sequence: u64,
        now: Nanos,
    ) -> Result<Opened, FeedLogError> {
        let disk = || Arc::clone(&self.disk);
        let directory = directory(&self.options.store, session);
        let mut writer = FeedLogWriter::open(disk(), &self.options, session, next_sequence, now)?;
        let tail = RecordTail::attach(disk(), &directory)?;
        let mut written = None;
        if next_sequence < writer.next_sequence() {
            let mut log = FeedLog::open_until(disk(), &directory, session, Until::Published)?;
            while log.refresh() > 0 {}
            written = Some(log);
        }
        self.helpers.extend(writer.take_helpers().map(|helpers| (session, helpers)));
        Ok(Opened { writer, tail, written })
    }

    /// Removes one log of a channel that is older than is kept; whether there was one.
    fn remove_old(&mut self, newest: Session) -> bool {
        let logged = sessions(&*self.disk, &self.options.store).unwrap_or_default();
        let channel = Channel::of_session(newest);
        let old = logged.iter().find(|logged| {
            Some(logged.channel) == channel
                && logged.session < newest
                && days_between(logged.session, newest).is_some_and(|days| days > self.days)
        });
        // What cannot be removed now is tried again with the next session.
        old.is_some_and(|old| remove(&*self.disk, &old.directory).is_ok())
    }
}

/// Days from one session's date to another's, where both have one.
fn days_between(from: Session, to: Session) -> Option<u32> {
    let date = |session: Session| {
        let text = std::str::from_utf8(session.0.get(..6)?).ok()?;
        let number: u32 = text.parse().ok()?;
        let [year, month, day] = [number / 10_000, number / 100 % 100, number % 100];
        let year = i16::try_from(2_000 + year).ok()?;
        jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    };
    u32::try_from((date(to)? - date(from)?).get_days()).ok()
}

impl Agent for LogAgent {
    fn name(&self) -> &str {
        "feed-log"
    }

    fn do_work(&mut self, now: Nanos) -> usize {
        let mut work = 0;
        self.now = now;
        while let Ok(request) = self.requests.try_recv() {
            self.on_request(request, now);
            work += 1;
        }
        for (_, helpers) in &mut self.helpers {
            work += helpers.do_work(now);
        }
        if let Some(newest) = self.looks.last().copied() {
            if !self.remove_old(newest) {
                self.looks.pop();
            }
            work += 1;
        }
        work
    }

    fn waits(&self) -> bool {
        true
    }

    fn failure(&self) -> Option<String> {
        self.failure.clone()
    }

    fn on_close(&mut self) {
        // A feed that closes on another thread hands its logs over until it is gone, and one that
        // goes on in another role gets what it asked for.
        while let Ok(request) = self.requests.try_recv() {
            self.on_request(request, self.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_over_months_and_years() {
        let between = |from: &str, to: &str| {
            days_between(Session::new(from).unwrap(), Session::new(to).unwrap())
        };
        assert_eq!(between("261122300A", "261122300B"), Some(0));
        assert_eq!(between("261122300A", "261201300A"), Some(9));
        assert_eq!(between("261231300A", "270101300A"), Some(1));
        assert_eq!(between("280228300A", "280301300A"), Some(2), "a leap year");
        assert_eq!(between("261123300A", "261122300A"), None, "backwards");
        assert_eq!(between("261332300A", "270101300A"), None, "no date");
    }
}
