//! The fuzz targets on a stable toolchain: their seeds, mutations of them from a seed, and what
//! once failed.
//!
//! Weaker than the fuzzer, which sees what the code does with its bytes; but everywhere, and the
//! same on every machine. `docs/fuzzing.md` has both.

#[path = "fuzz/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

use targets::{TARGETS, Target};

/// Where the seeds are written to, for the fuzzer to begin with.
const CORPUS: &str = "ISOCHRON_FUZZ_CORPUS";

const ROUNDS: u64 = 3_000;
const BYTES_MAX: usize = 16 * 1024;

/// Random numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Changes bytes in some of the ways in which they can be wrong.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let to = (at + 1 + random.below(16)).min(bytes.len());
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next() as u8,
            2 => bytes[at..to].fill([0, 0xff, 0x80, 0x7f][random.below(4)]),
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..to)),
            _ => {
                let more: Vec<u8> = (0..random.below(16)).map(|_| random.next() as u8).collect();
                bytes.splice(at..at, more);
            }
        }
    }
    bytes.truncate(BYTES_MAX);
}

#[track_caller]
fn run(target: &Target) {
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty());
    for (number, seed) in seeds.iter().enumerate() {
        (target.run)(seed);
        if let Some(corpus) = std::env::var_os(CORPUS) {
            let folder = Path::new(&corpus).join(target.name);
            fs::create_dir_all(&folder).expect("a folder for the seeds");
            fs::write(folder.join(format!("seed-{number}")), seed).expect("a file for a seed");
        }
    }
    let mut random = Random(20_261_122);
    for round in 0..ROUNDS {
        let mut bytes = match round % 8 {
            0 => (0..random.below(512)).map(|_| random.next() as u8).collect(),
            _ => seeds[random.below(seeds.len())].clone(),
        };
        mutate(&mut bytes, &mut random);
        (target.run)(&bytes);
    }
}

/// What once failed must not fail again.
fn run_found(target: &Target) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found").join(target.name);
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        println!("{}", path.display());
        (target.run)(&fs::read(path).expect("what was found"));
    }
}

/// Each target as a test of its own.
macro_rules! tests {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            let target = TARGETS.iter().find(|target| target.name == stringify!($name));
            let target = target.expect("there is such a target");
            run(target);
            run_found(target);
        }
    )*

        #[test]
        fn every_target_is_here() {
            let mut names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            let mut tested = vec![$(stringify!($name)),*];
            names.sort_unstable();
            tested.sort_unstable();
            assert_eq!(tested, names);
        }
    };
}

tests! {
    events messages commands feed books capture frames store replica state snapshot ring config
    soup_server soup_client rerequest consumer cluster lobster itch replication_wire receiver sender
    order_stream catch_up_asking catch_up_giving
}
