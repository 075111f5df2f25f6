//! Aeron as a publisher and as a follower of a stream.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rusteron_media_driver::{AeronExclusivePublication, AeronOfferError};

use crate::Outcome;
use crate::client::{Client, PATIENCE, counters};
use crate::driver::{Driver, Settings};
use crate::log::{Log, as_event, framed, message};
use crate::stage::{Pace, Seat, Stage};
use crate::stream::{Stream, TERM_BYTES};

/// Publishes until the director has enough, and says what.
pub fn publish(stream: &Stream, driver: &Driver, stage: &Stage) -> Outcome<Log> {
    let client = Client::new(driver.directory())?;
    let publication = client.publish(&stream.publication(), stream.id)?;
    stage.wait("a follower is connected", || publication.is_connected())?;
    let (mut log, mut payload) = (Log::new(0, TERM_BYTES), Vec::new());
    let mut pace = Pace::new(stream.bytes_per_second);
    for number in 0.. {
        if stage.enough.load(Ordering::Acquire) {
            break;
        }
        message(number, &mut payload);
        if !stream.is_text {
            as_event(number, &mut payload);
        }
        let reserved = number as i64 * 3;
        let end = offer(&publication, &payload, reserved, stage)?;
        let position = end - framed(payload.len());
        log.push(position, (stream.session, stream.id, reserved), &payload);
        stage.published.store(end, Ordering::Release);
        pace.spend(framed(payload.len()));
    }
    stage.ended.store(true, Ordering::Release);
    while !stage.curtain.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(log)
}

/// Offers until the message is taken; its end.
fn offer(
    publication: &AeronExclusivePublication,
    payload: &[u8],
    reserved: i64,
    stage: &Stage,
) -> Outcome<u64> {
    loop {
        match publication.try_claim_owned(payload.len()) {
            Ok(mut claim) => {
                claim.data().copy_from_slice(payload);
                claim.set_reserved_value(reserved);
                return Ok(u64::try_from(claim.commit()?)?);
            }
            Err(AeronOfferError::AdminAction) => {}
            Err(refused) if refused.is_retryable() => {
                stage.check("the publication takes more")?;
                std::thread::sleep(Duration::from_micros(100));
            }
            Err(refused) => return Err(refused.into()),
        }
    }
}

/// Follows to the end, or until told to leave; what came, by a driver of its own.
pub fn follow(
    stream: &Stream,
    settings: &Settings,
    stage: &Stage,
    seat: &Seat,
) -> Outcome<(Log, String)> {
    let driver = Driver::start(settings)?;
    let client = Client::new(driver.directory())?;
    let subscription = client.subscribe(&stream.subscription(), stream.id)?;
    seat.ready.store(true, Ordering::Release);
    let image = loop {
        if let Some(image) = subscription.image_at_index(0) {
            break image;
        }
        stage.check("there is an image of the stream")?;
        std::thread::sleep(Duration::from_micros(100));
    };
    let joined = u64::try_from(image.get_constants()?.join_position())?;
    seat.join(joined);
    let mut log = Log::new(joined, TERM_BYTES);
    loop {
        let polled = image.poll_fn(
            |payload, header| {
                let end = header.position() as u64;
                let (Some(session), Some(stream), Some(reserved)) =
                    (header.session_id(), header.stream_id(), header.reserved_value())
                else {
                    return;
                };
                log.push(end - framed(payload.len()), (session, stream, reserved), payload);
            },
            64,
        )?;
        seat.followed.store(image.position() as u64, Ordering::Release);
        let at_end = stage.end().is_some_and(|end| image.position() as u64 >= end);
        if at_end || seat.leave.load(Ordering::Acquire) {
            break;
        }
        if polled == 0 {
            stage.check("all of it came").map_err(|late| {
                let at = image.position();
                let counters = counters(&client);
                format!("{late}: at {at} of {:?}; {counters}", stage.published)
            })?;
            std::thread::sleep(Duration::from_micros(50));
        }
    }
    let counters = counters(&client);
    drop(image);
    subscription.close()?;
    // Time to say goodbye: five status messages, 200 ms apart.
    std::thread::sleep(PATIENCE.min(Duration::from_millis(250)));
    Ok((log, counters))
}
