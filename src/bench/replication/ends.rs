//! The two ends of a stream: a primary's store and sender, a receiver and a standby's store.

use super::super::replay::identity;
use super::text;
use crate::limits::{TERM_BYTES_MAX, TERM_BYTES_MIN};
use crate::net::{Datagram, Media, UdpMedia};
use crate::replication::channel::Channel;
use crate::replication::receiver::{Receiver, ReceiverOptions};
use crate::replication::sender::{Sender, SenderOptions, StoreLog};
use crate::store::{
    Chain, Disk, EpochStart, Identity, Options, RealDisk, ReplicaStore, StoreWriter, Terms, framed,
    session_id,
};
use crate::types::{Epoch, Nanos, Position, flags};
use std::path::Path;
use std::sync::Arc;

/// Where an event's flags are.
const FLAGS_AT: usize = 36;

/// What a primary and its standby agree about.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) channel: Channel,
    pub(super) identity: Identity,
    /// Bytes of a term that holds all messages.
    pub(super) term_bytes: usize,
}

/// Bytes of a term that so many messages of one size do not fill to its last byte.
pub(super) fn term_bytes(messages: u64, message_bytes: usize) -> Result<usize, String> {
    let bytes = (messages as usize + 1) * framed(message_bytes);
    let term_bytes = bytes.next_power_of_two().max(TERM_BYTES_MIN);
    match term_bytes <= TERM_BYTES_MAX {
        true => Ok(term_bytes),
        false => Err(format!("{messages} messages of {message_bytes} bytes fit no segment")),
    }
}

impl Plan {
    /// A term for so many messages of one size.
    pub(super) fn new(
        channel: Channel,
        messages: u64,
        message_bytes: usize,
    ) -> Result<Self, String> {
        let term_bytes = term_bytes(messages, message_bytes)?;
        Ok(Self { channel, identity: identity(), term_bytes })
    }

    fn options(&self, directory: &Path) -> Options {
        let options = Options::new(directory, self.identity.clone());
        Options { term_bytes: self.term_bytes, ..options }
    }

    fn session(&self) -> i32 {
        session_id(&self.identity.exchange, Epoch(1))
    }
}

/// A message of no meaning to anybody that ends its transaction.
pub(super) fn message(message_bytes: usize) -> Vec<u8> {
    let mut message: Vec<u8> = (0..message_bytes).map(|at| at as u8 | 1).collect();
    message[FLAGS_AT..FLAGS_AT + 2].fill(0);
    message[FLAGS_AT] = flags::END_OF_TRANSACTION as u8;
    message
}

/// A store that is written.
pub(super) fn open_writer(
    plan: &Plan,
    directory: &Path,
    now: Nanos,
) -> Result<StoreWriter, String> {
    let (writer, _) = StoreWriter::open(&plan.options(directory), now).map_err(text)?;
    Ok(writer)
}

/// Appends a transaction of one message; false where there is no room for now.
#[inline]
pub(super) fn append(writer: &mut StoreWriter, message: &[u8]) -> bool {
    let Ok(mut transaction) = writer.begin(framed(message.len())) else { return false };
    transaction.append(message.len(), |bytes| bytes.copy_from_slice(message));
    transaction.finish();
    true
}

/// The sending end.
pub(super) struct Primary {
    pub(super) sender: Sender,
    log: StoreLog,
    media: UdpMedia,
}

impl Primary {
    pub(super) fn open(plan: &Plan, directory: &Path, now: Nanos) -> Result<Self, String> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let log = StoreLog::attach_on(&disk, directory).map_err(text)?;
        let terms = Terms::new(plan.term_bytes).ok_or("the term has an odd size")?;
        let stream = plan.identity.exchange_number;
        let options = SenderOptions::new(&plan.channel, plan.session(), stream, terms, Position(0));
        let media = plan.channel.open_sender().map_err(text)?;
        Ok(Self { sender: Sender::new(options, now), log, media })
    }

    /// One turn.
    pub(super) fn turn(&mut self, now: Nanos) -> Result<usize, String> {
        self.sender.duty(&mut self.log, &mut self.media, now).map_err(text)
    }
}

/// The receiving end.
pub(super) struct Standby<M> {
    pub(super) receiver: Receiver,
    pub(super) store: ReplicaStore,
    pub(super) media: M,
}

impl<M: Media> Standby<M> {
    /// `wrap` puts something between the socket and the receiver.
    pub(super) fn open(
        plan: &Plan,
        directory: &Path,
        receiver_id: i64,
        wrap: impl FnOnce(UdpMedia) -> M,
        now: Nanos,
    ) -> Result<Self, String> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let options = plan.options(directory);
        let (mut store, _) = ReplicaStore::open_on(disk, &options, None, now).map_err(text)?;
        let start = EpochStart {
            epoch: Epoch(1),
            node: plan.identity.node,
            base: Position(0),
            chain: Chain::default(),
        };
        store.follow(start, false).map_err(text)?;
        let stream = plan.identity.exchange_number;
        let options = ReceiverOptions::new(&plan.channel, stream, receiver_id);
        let mut receiver = Receiver::new(options);
        receiver.follow(plan.session(), Position(0), now);
        let media = wrap(plan.channel.open_receiver().map_err(text)?);
        Ok(Self { receiver, store, media })
    }

    /// One turn: takes what came, and says what is to be said.
    #[inline]
    pub(super) fn turn(&mut self, now: Nanos) -> Result<usize, String> {
        let Self { receiver, store, media } = self;
        let received = media
            .receive(&mut |bytes, from| receiver.on_datagram(store, bytes, from, now))
            .map_err(text)?;
        receiver.advance(store, now);
        while let Some(feedback) = receiver.poll_feedback(store, now) {
            media.send(&[Datagram::whole(feedback.as_ref())]).map_err(text)?;
        }
        Ok(received)
    }
}
