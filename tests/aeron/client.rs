//! A client of a media driver: publications, subscriptions and the driver's counters.

use std::ffi::CString;
use std::time::{Duration, Instant};

use rusteron_media_driver::{
    Aeron, AeronContext, AeronExclusivePublication, AeronImage, AeronSubscription, Handlers,
};

use crate::Outcome;

/// Patience for what the driver should do at once.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A client of one driver.
pub struct Client {
    aeron: Aeron,
}

impl Client {
    /// Connects to a driver.
    pub fn new(driver: &str) -> Outcome<Self> {
        let context = AeronContext::new()?;
        context.set_dir(&CString::new(driver)?)?;
        context.set_error_handler(Some(|code: i32, words: &str| {
            eprintln!("aeron client: {code} {words}");
        }))?;
        let aeron = Aeron::new(&context)?;
        aeron.start()?;
        Ok(Self { aeron })
    }

    /// A publication of which this client is the only writer.
    pub fn publish(&self, channel: &str, stream: i32) -> Outcome<AeronExclusivePublication> {
        let channel = CString::new(channel)?;
        let adding = self.aeron.async_add_exclusive_publication(&channel, stream)?;
        Ok(adding.poll_blocking(PATIENCE)?)
    }

    /// A subscription.
    pub fn subscribe(&self, channel: &str, stream: i32) -> Outcome<AeronSubscription> {
        let (channel, none) = (CString::new(channel)?, Handlers::NONE);
        let adding = self.aeron.async_add_subscription(&channel, stream, none, none)?;
        Ok(adding.poll_blocking(PATIENCE)?)
    }

    /// The driver's counters of loss, repair and refusal that are not zero.
    pub fn counters(&self) -> Vec<(String, i64)> {
        const WORDS: [&str; 11] = [
            "NAK", "Retransmit", "Loss", "Invalid", "overrun", "over runs", "under runs",
            "rejected", "Short", "Errors", "Overflow",
        ];
        let mut found = Vec::new();
        self.aeron.counters_reader().foreach_counter_fn(|value, _, kind, _, label| {
            let is_systems = kind == 0;
            if is_systems && value != 0 && WORDS.iter().any(|word| label.contains(word)) {
                let words = label.split([':', '(']).next().unwrap_or(label).trim();
                found.push((words.to_string(), value));
            }
        });
        found
    }
}

/// A driver's counters in words.
pub fn counters(client: &Client) -> String {
    let said = client.counters().into_iter().map(|(label, value)| format!("{label} {value}"));
    match said.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "no losses".into(),
        said => said,
    }
}

/// Waits for a subscription's first image.
pub fn first_image(subscription: &AeronSubscription) -> Outcome<AeronImage> {
    let patience = Instant::now() + PATIENCE;
    loop {
        if let Some(image) = subscription.image_at_index(0) {
            return Ok(image);
        }
        if Instant::now() > patience {
            return Err("no image of the publication came".into());
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}
