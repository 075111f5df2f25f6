//! What Aeron does on this machine: messages a second by multicast, and the time of a round trip.
//!
//! ```text
//!   publisher --> driver --> lo, multicast --> the same driver --> subscriber
//! ```
//!
//! Publisher and subscriber are threads of this process, as in Aeron's own samples, each with a
//! client of its own; the driver is another process. Everything is counted at the subscriber.

use std::os::raw::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusteron_media_driver::bindings::{aeron_header_t, aeron_image_poll, aeron_image_t};
use rusteron_media_driver::{AeronExclusivePublication, AeronImage, Handlers, NoHandler};

use crate::Outcome;
use crate::client::{Client, first_image};
use crate::driver::{Driver, Settings, Threading, own_cpu};

const THERE: &str = "aeron:udp?endpoint=239.78.1.1:41456|interface=127.0.0.1";
const BACK: &str = "aeron:udp?endpoint=239.78.1.3:41458|interface=127.0.0.1";
const STREAM: i32 = 1001;

/// Both sides' windows and buffers.
pub const WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// How the race is run.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    /// The driver's threads.
    pub threading: Threading,
    /// Datagrams in one system call.
    pub io_vector: u32,
    /// What idle threads do.
    pub idle: &'static str,
}

/// What one run of messages gave.
#[derive(Clone, Copy, Debug)]
pub struct Throughput {
    /// At the subscriber.
    pub messages_per_second: f64,
    /// Processors in use meanwhile: the driver's, and publisher and subscriber.
    pub driver_cpus: f64,
    /// As above.
    pub clients_cpus: f64,
}

/// What the round trips gave, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct RoundTrip {
    /// Half of them were faster.
    pub p50_ns: u64,
    /// 99 of 100 were.
    pub p99_ns: u64,
    /// 999 of 1,000 were.
    pub p999_ns: u64,
}

impl Lane {
    fn settings(self) -> Settings {
        let Self { threading, io_vector, idle } = self;
        let window_bytes = WINDOW_BYTES;
        Settings { threading, idle, io_vector, window_bytes, ..Settings::calm() }
    }
}

/// The channel with what both sides of the race have alike.
fn channel(address: &str) -> String {
    format!("{address}|mtu=1408|term-length=16m|fc=min|rcv-wnd=2m|so-rcvbuf=2m|so-sndbuf=2m")
}

/// `bench [--seconds N]`: every lane once, a line each.
pub fn run(words: &[&str]) -> Outcome {
    let number = |name: &str, unless: u64| -> Outcome<u64> {
        match words.iter().position(|word| *word == name) {
            Some(at) => Ok(words.get(at + 1).ok_or("a number is missing")?.parse()?),
            None => Ok(unless),
        }
    };
    let seconds = Duration::from_secs(number("--seconds", 2)?);
        for threading in [Threading::Dedicated, Threading::Shared] {
        for io_vector in [4, 64] {
            for idle in ["backoff", "spin"] {
                let lane = Lane { threading, io_vector, idle };
                let name = format!("aeron {} vector {io_vector} {idle}", threading.word());
                for bytes in [64, 128, 288] {
                    let ran = throughput(lane, bytes, seconds)?;
                    println!(
                        "{name}: {bytes} B {:.2} M messages/s, driver {:.2} and clients {:.2} CPUs",
                        ran.messages_per_second / 1e6,
                        ran.driver_cpus,
                        ran.clients_cpus
                    );
                }
                let RoundTrip { p50_ns, p99_ns, p999_ns } = round_trip(lane, 128, seconds)?;
                println!(
                    "{name}: 128 B round trip p50 {:.1} us, p99 {:.1} us, p99.9 {:.1} us",
                    p50_ns as f64 / 1e3,
                    p99_ns as f64 / 1e3,
                    p999_ns as f64 / 1e3
                );
            }
        }
    }
    Ok(())
}

/// Messages of so many bytes for so long; whatever was lost is an error.
pub fn throughput(lane: Lane, bytes: usize, time: Duration) -> Outcome<Throughput> {
    let driver = Driver::start(&lane.settings())?;
    let directory = driver.directory().to_string();
    let received = Arc::new(AtomicU64::new(0));
    let (ready, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let subscriber = std::thread::spawn({
        let (received, ready, stop) = (received.clone(), ready.clone(), stop.clone());
        let directory = directory.clone();
        move || count(&directory, &received, &ready, &stop).map_err(|error| error.to_string())
    });
    let publishing = Arc::new(AtomicBool::new(true));
    let publisher = std::thread::spawn({
        let publishing = publishing.clone();
        move || publish(&directory, bytes, &publishing).map_err(|error| error.to_string())
    });
    let patience = Instant::now() + Duration::from_secs(10);
    while received.load(Ordering::Relaxed) == 0 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(500));
    let (begun, before) = (Instant::now(), received.load(Ordering::Relaxed));
    let (driver_before, clients_before) = (driver.cpu(), own_cpu());
    std::thread::sleep(time);
    let (after, seconds) = (received.load(Ordering::Relaxed), begun.elapsed().as_secs_f64());
    let (driver_used, clients_used) = (driver.cpu() - driver_before, own_cpu() - clients_before);
    publishing.store(false, Ordering::Release);
    let sent = publisher.join().map_err(|_| "the publisher panicked")??;
    let patience = Instant::now() + Duration::from_secs(10);
    while received.load(Ordering::Relaxed) < sent && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(10));
    }
    stop.store(true, Ordering::Release);
    subscriber.join().map_err(|_| "the subscriber panicked")??;
    let received = received.load(Ordering::Relaxed);
    if received != sent {
        let counters = Client::new(driver.directory())?.counters();
        return Err(format!("Aeron sent {sent} and received {received}: {counters:?}").into());
    }
    Ok(Throughput {
        messages_per_second: (after - before) as f64 / seconds,
        driver_cpus: driver_used.as_secs_f64() / seconds,
        clients_cpus: clients_used.as_secs_f64() / seconds,
    })
}

/// Offers until told to stop; how many went. It does not leave before all of it was consumed.
fn publish(driver: &str, bytes: usize, publishing: &AtomicBool) -> Outcome<u64> {
    let client = Client::new(driver)?;
    let publication = client.publish(&channel(THERE), STREAM)?;
    let message = vec![42; bytes];
    let mut sent = 0;
    while publishing.load(Ordering::Relaxed) {
        if offer(&publication, &message)? {
            sent += 1;
        } else {
            std::hint::spin_loop();
        }
    }
    std::thread::sleep(Duration::from_millis(300));
    Ok(sent)
}

/// Whether the message was taken; it is not while the window is full or nobody listens.
fn offer(publication: &AeronExclusivePublication, message: &[u8]) -> Outcome<bool> {
    match publication.offer_raw::<NoHandler>(message, Handlers::NONE) {
        -3..=-1 => Ok(false),
        refused if refused < 0 => Err(format!("the publication answers {refused}").into()),
        _ => Ok(true),
    }
}

/// Counts what comes, without the wrapper's cost for each fragment.
fn count(
    driver: &str,
    received: &AtomicU64,
    ready: &AtomicBool,
    stop: &AtomicBool,
) -> Outcome {
    let client = Client::new(driver)?;
    let subscription = client.subscribe(&channel(THERE), STREAM)?;
    let image = first_image(&subscription)?;
    ready.store(true, Ordering::Release);
    let mut total = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let before = total;
        poll(&image, &mut total)?;
        if total == before {
            std::hint::spin_loop();
        } else {
            received.store(total, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Up to 256 fragments of an image, counted.
fn poll(image: &AeronImage, total: &mut u64) -> Outcome {
    unsafe extern "C-unwind" fn one(
        total: *mut c_void,
        _: *const u8,
        _: usize,
        _: *mut aeron_header_t,
    ) {
        // SAFETY: `poll` hands over its own exclusive borrow, which outlives the call.
        unsafe { *total.cast::<u64>() += 1 };
    }
    let inner: *mut aeron_image_t = image.get_inner();
    // SAFETY: the image is held by the caller, and the handler's state by this frame.
    let polled = unsafe { aeron_image_poll(inner, Some(one), std::ptr::from_mut(total).cast(), 256) };
    match polled {
        0.. => Ok(()),
        _ => Err("the image is closed".into()),
    }
}

/// One message there and back at a time, both ends spinning.
pub fn round_trip(lane: Lane, bytes: usize, time: Duration) -> Outcome<RoundTrip> {
    let driver = Driver::start(&lane.settings())?;
    let stop = Arc::new(AtomicBool::new(false));
    let echo = std::thread::spawn({
        let (directory, stop) = (driver.directory().to_string(), stop.clone());
        move || echo(&directory, &stop).map_err(|error| error.to_string())
    });
    let times = ask(driver.directory(), bytes, time);
    stop.store(true, Ordering::Release);
    echo.join().map_err(|_| "the echo panicked")??;
    let mut times = times?;
    times.sort_unstable();
    let quantile = |of_1000: usize| times[(times.len() - 1) * of_1000 / 1000];
    Ok(RoundTrip { p50_ns: quantile(500), p99_ns: quantile(990), p999_ns: quantile(999) })
}

fn echo(driver: &str, stop: &AtomicBool) -> Outcome {
    let client = Client::new(driver)?;
    let publication = client.publish(&channel(BACK), STREAM)?;
    let subscription = client.subscribe(&channel(THERE), STREAM)?;
    let image = first_image(&subscription)?;
    let mut refused = None;
    while !stop.load(Ordering::Relaxed) {
        let polled = image.poll_fn(
            |message, _| {
                while refused.is_none() && !stop.load(Ordering::Relaxed) {
                    match offer(&publication, message) {
                        Ok(true) => break,
                        Ok(false) => std::hint::spin_loop(),
                        Err(failure) => refused = Some(failure),
                    }
                }
            },
            8,
        )?;
        if let Some(refused) = refused.take() {
            return Err(refused);
        }
        if polled == 0 {
            std::thread::yield_now();
        }
    }
    Ok(())
}

fn ask(driver: &str, bytes: usize, time: Duration) -> Outcome<Vec<u64>> {
    let client = Client::new(driver)?;
    let publication = client.publish(&channel(THERE), STREAM)?;
    let subscription = client.subscribe(&channel(BACK), STREAM)?;
    let image = first_image(&subscription)?;
    let message = vec![42; bytes];
    let mut times = Vec::new();
    let (warm, end) = (Instant::now() + time / 4, Instant::now() + time + time / 4);
    while Instant::now() < end {
        let begun = loop {
            let begun = Instant::now();
            if offer(&publication, &message)? {
                break begun;
            }
            std::thread::yield_now();
        };
        let mut answers = 0;
        while answers == 0 {
            poll(&image, &mut answers)?;
            if answers == 0 {
                std::thread::yield_now();
            }
        }
        if begun > warm {
            times.push(begun.elapsed().as_nanos() as u64);
        }
    }
    Ok(times)
}
