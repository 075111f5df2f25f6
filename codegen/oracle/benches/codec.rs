//! How long one message takes to write and to read: `cargo bench -p isochron-codegen-oracle`.
//!
//! A block of 60 bytes (`SmallOrder` of the test schema), then real ones of two schemas. Messages
//! and buffers go through `black_box`, so that nothing is computed once for all rounds; the best of
//! several runs counts, since anything else on the machine only adds.

use std::hint::black_box;
use std::time::{Duration, Instant};

use isochron_codegen_oracle::random::Random;
use isochron_codegen_oracle::version2;

/// Messages written or read in one run: few enough that most runs are not interrupted.
const ROUNDS: u32 = 10_000;

/// Runs of which the best counts.
const RUNS: usize = 500;

/// Nanoseconds for one call of `step`.
fn measure(mut step: impl FnMut()) -> f64 {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
        let start = Instant::now();
        for _ in 0..ROUNDS {
            step();
        }
        best = best.min(start.elapsed());
    }
    best.as_nanos() as f64 / f64::from(ROUNDS)
}

macro_rules! bench {
    ($schema:ident :: $message:ident, $random:expr) => {{
        use $schema::$message;
        let mut bytes = [0; $message::ENCODED_LENGTH];
        $message::default().encode(&mut bytes).expect("long enough");
        for byte in &mut bytes[8..] {
            *byte = $random.bits() as u8;
        }
        let message = $message::decode(&bytes).expect("any block is one");
        let mut buffer = [0; 512];
        let encode = measure(|| {
            let length = black_box(&message).encode(black_box(&mut buffer));
            let _ = black_box(length);
        });
        let decode = measure(|| {
            let _ = black_box($message::decode(black_box(&bytes)));
        });
        println!(
            "{:<20} block {:>3} bytes   encode {encode:>5.2} ns   decode {decode:>5.2} ns",
            stringify!($message),
            $message::BLOCK_LENGTH
        );
    }};
}

fn main() {
    let mut random = Random::new(1);
    bench!(version2::SmallOrder, random);
    bench!(isochron_messages::Trade, random);
    bench!(isochron_messages::OrderExecuted, random);
    bench!(isochron_events::NewOrderEvent, random);
    bench!(isochron_events::OrderFilledEvent, random);
    bench!(isochron_events::DefineInstrument, random);
}
