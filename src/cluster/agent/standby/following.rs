//! Whom a standby follows, and what it does where its log is another one or too short.

use super::{Executed, News, RoleChange, StandbyAgent, StandbyOptions};
use crate::cluster::NodeAddress;
use crate::net::Media;
use crate::replication::catch_up::{Connector, DialOptions, Join, Outcome};
use crate::replication::receiver::Standing;
use crate::store::{ChainDiffers, Discarded, EpochStart, FollowRefused};
use crate::types::Nanos;

impl<D: Media, C: Media, K: Connector, X: Executed> StandbyAgent<D, C, K, X> {
    /// Lets the store follow whom the follower names.
    pub(super) fn follow(&mut self, now: Nanos) {
        let Some(start) = self.follower.poll_follow().filter(|_| !self.stopped) else { return };
        match self.replica.follow(start, self.options.discard) {
            Ok(discarded) => self.on_followed(start, discarded, now),
            // What lies between the epochs that are known here and the announced one, its primary's
            // table says.
            Err(FollowRefused::Behind { .. } | FollowRefused::OtherLog { .. }) => {
                self.is_behind = true;
            }
            Err(why) => self.on_refused(why, now),
        }
    }

    /// The store does not follow the primary, whose whole table of epochs is known.
    fn on_refused(&mut self, why: FollowRefused, now: Nanos) {
        match why {
            FollowRefused::Older { .. } | FollowRefused::Io { .. } => {
                self.tell_news(News::NotFollowed { why });
            }
            // Where an epoch began the logs are not the same: they part somewhere before.
            FollowRefused::OtherLog { base: position, expected, found } => {
                self.on_differs(ChainDiffers { position, expected, found }, now);
            }
            // With the operator's word that it may cut, and no place to cut back to: what is before
            // is not kept, or it was written by another writer of an epoch than the primary's.
            FollowRefused::NotKept { .. } | FollowRefused::Twice { .. } if self.options.discard => {
                self.begin_anew(why.to_string());
            }
            _ => self.stop(why),
        }
    }

    fn stop(&mut self, why: FollowRefused) {
        self.stopped = true;
        self.role = Some(RoleChange::Stop { why });
    }

    fn begin_anew(&mut self, why: String) {
        self.stopped = true;
        self.role = Some(RoleChange::BeginAnew { why });
    }

    /// The log here is another one than the primary's, although its epochs are the same. What was
    /// never committed is cut, archived, and comes anew. Where that changes nothing, they part in
    /// what is committed here, and somebody must say what is to become of it.
    pub(super) fn on_differs(&mut self, differs: ChainDiffers, now: Nanos) {
        self.tell_news(News::LogDiffers(differs));
        let committed = self.replica.committed();
        // Then it may be all that is wrong here, and comes of others the next time.
        let is_given = self.replica.is_doubtful() && !self.givers.is_empty();
        for node in std::mem::take(&mut self.givers) {
            self.distrust(node, differs.to_string());
        }
        let is_cut = self.cut_to == Some(committed) && !is_given;
        let is_committed = differs.position <= committed || self.replica.received() == committed;
        if is_cut || is_committed {
            self.follower.on_log_differs();
            return match self.options.discard {
                true => self.begin_anew(differs.to_string()),
                false => self.stop(FollowRefused::CommittedDiffers { committed, differs }),
            };
        }
        match self.replica.forget_uncommitted() {
            Ok(discarded) => {
                self.cut_to = Some(committed);
                self.follower.on_cut(self.replica.held(), committed);
                // The stream is joined again when it has been caught up with.
                (self.join, self.is_behind) = (None, true);
                self.receiver.leave(now);
                self.receiver.follow(self.replica.session(), self.replica.base(), now);
                discarded.into_iter().for_each(|cut| self.tell_news(News::Cut(cut)));
            }
            Err(why) => self.on_refused(why, now),
        }
    }

    /// A node gave another log than the primary's, which is never asked less for it.
    fn distrust(&mut self, node: u32, why: String) {
        if !self.distrusted.contains(&node) {
            self.distrusted.push(node);
            self.tell_news(News::Contradicts { node, why });
        }
    }

    fn on_followed(&mut self, start: EpochStart, discarded: Option<Discarded>, now: Nanos) {
        self.is_behind = false;
        self.distrusted.clear();
        self.follower.on_followed(start, self.replica.held());
        self.receiver.follow(self.replica.session(), start.base, now);
        self.tell_news(News::Follows { start, discarded });
    }

    /// What the stream does not bring any more: over TCP, from the announced primary or another
    /// node that has its epoch.
    pub(super) fn catch_up(&mut self, now: Nanos) -> usize {
        let standing = self.receiver.standing(&self.replica);
        if let Standing::Refused(why) = standing {
            self.tell_refused(News::StreamRefused { why }, now);
        }
        let wanted = self.is_behind || matches!(standing, Standing::CatchUpFrom { .. });
        let primary = self.follower.primary().map(|primary| primary.start);
        let Some(start) = primary.filter(|_| wanted && !self.stopped) else {
            self.join = None;
            return 0;
        };
        if self.join.as_ref().is_none_or(|join| join.follows() != start) {
            let from = self.replica.contiguous();
            self.tell_news(News::CatchesUp { from });
            self.join = Some(self.begin_join(start));
        }
        let Some(join) = &mut self.join else { return 0 };
        let before = self.replica.epoch();
        let work = join.turn(&mut self.replica, &mut self.connector, now);
        let outcomes: Vec<Outcome> = std::iter::from_fn(|| join.poll_outcome()).collect();
        let giver = join.other_giver();
        if !self.replica.is_doubtful() {
            self.givers.clear();
        }
        self.givers.extend(giver.filter(|giver| !self.givers.contains(giver)));
        // The table that was adopted may have brought the store into the epoch.
        if self.replica.epoch() > before {
            self.on_followed(start, None, now);
            // What is before it still comes here, whether or not the stream is heard.
            self.is_behind = true;
        }
        for outcome in outcomes {
            match outcome {
                Outcome::Differs(differs) => self.on_differs(differs, now),
                Outcome::NotFollowed(why) => self.on_refused(why, now),
                Outcome::Contradicts { node, why } => {
                    self.distrust(node, why);
                    // The next one asks the others.
                    self.join = None;
                }
                _ => self.on_outcome(outcome),
            }
        }
        work
    }

    fn on_outcome(&mut self, outcome: Outcome) {
        match &outcome {
            Outcome::Arrived { .. } => (self.join, self.is_behind) = (None, false),
            Outcome::NotKept { held, kept_from } => self.begin_anew(format!(
                "{held} is held, and the others' logs begin at {kept_from} and beyond"
            )),
            _ => {}
        }
        self.tell_news(News::CaughtUp(outcome));
    }

    /// The primary is asked first, then the others, as far as their logs are its. It goes on until
    /// the stream is half as far ahead as may be where it is joined: while that happens, the stream
    /// goes on.
    fn begin_join(&self, start: EpochStart) -> Join {
        let StandbyOptions { dial, discard, .. } = &self.options;
        let reach_bytes = self.receiver.join_bytes(&self.replica) / 2;
        let is_trusted =
            |peer: &&NodeAddress| peer.node == start.node || !self.distrusted.contains(&peer.node);
        let mut peers: Vec<&NodeAddress> =
            self.voice.membership.peers().filter(is_trusted).collect();
        peers.sort_by_key(|peer| peer.node != start.node);
        let servers = peers.iter().map(|peer| peer.catch_up).collect();
        Join::new(DialOptions { servers, ..dial.clone() }, start, reach_bytes, *discard)
    }
}
