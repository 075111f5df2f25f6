//! A media driver in a process of its own: the half that runs it, and the half that starts it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rusteron_media_driver::{AeronDriver, AeronDriverContext};

use crate::Outcome;

/// How the driver divides its work between threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threading {
    /// Conductor, sender and receiver each have a thread.
    Dedicated,
    /// One thread does it all.
    Shared,
}

impl Threading {
    /// Aeron's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dedicated => "DEDICATED",
            Self::Shared => "SHARED",
        }
    }
}

/// Bytes of each socket buffer.
const BUFFER_BYTES: &str = "2097152";

/// How a driver is started; all else is its default.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its threads.
    pub threading: Threading,
    /// What an idle thread does: `backoff` (its default), `spin`, `yield`, `noop`.
    pub idle: &'static str,
    /// Datagrams in one system call; 4 is its default, 64 the most.
    pub io_vector: u32,
    /// The receive window.
    pub window_bytes: u32,
    /// A share of the DATA and PAD datagrams that it receives is dropped, by this seed.
    pub loss: Option<Loss>,
}

/// What Aeron's own loss interceptor drops.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// Of 1.
    pub rate: f64,
    /// Of its generator.
    pub seed: u64,
}

impl Settings {
    /// One thread that sleeps when idle, 128 KiB windows, no loss.
    pub fn calm() -> Self {
        let (threading, idle, window_bytes) = (Threading::Shared, "backoff", 128 * 1024);
        Self { threading, idle, io_vector: 4, window_bytes, loss: None }
    }

    fn apply(&self, command: &mut Command) {
        let Self { threading, idle, io_vector, window_bytes, loss } = self;
        command.env("AERON_THREADING_MODE", threading.word());
        for who in ["CONDUCTOR", "SENDER", "RECEIVER", "SHARED", "SHAREDNETWORK"] {
            command.env(format!("AERON_{who}_IDLE_STRATEGY"), idle);
        }
        let vector = io_vector.to_string();
        command.env("AERON_SENDER_IO_VECTOR_CAPACITY", &vector);
        command.env("AERON_RECEIVER_IO_VECTOR_CAPACITY", &vector);
        command.env("AERON_NETWORK_PUBLICATION_MAX_MESSAGES_PER_SEND", &vector);
        command.env("AERON_RCV_INITIAL_WINDOW_LENGTH", window_bytes.to_string());
        // What overruns a socket would be a loss that nobody made.
        command.env("AERON_SOCKET_SO_RCVBUF", BUFFER_BYTES);
        command.env("AERON_SOCKET_SO_SNDBUF", BUFFER_BYTES);
        command.env("AERON_PUBLICATION_LINGER_TIMEOUT", "500ms");
        // A busy machine is no dead peer.
        for what in ["IMAGE_LIVENESS", "CLIENT_LIVENESS", "PUBLICATION_CONNECTION"] {
            command.env(format!("AERON_{what}_TIMEOUT"), "60s");
        }
        // It must be longer than a client may be silent.
        command.env("AERON_PUBLICATION_UNBLOCK_TIMEOUT", "90s");
        if let Some(Loss { rate, seed }) = loss {
            let arguments = format!("rate={rate}|recv-msg-mask=0x3|seed={seed}");
            command.env("AERON_UDP_CHANNEL_INCOMING_INTERCEPTORS", "loss");
            command.env("AERON_UDP_CHANNEL_TRANSPORT_BINDINGS_LOSS_ARGS", arguments);
        }
    }
}

/// A running driver; it ends when this is dropped.
#[derive(Debug)]
pub struct Driver {
    child: Child,
    directory: PathBuf,
}

impl Driver {
    /// Starts one and waits until clients can come.
    pub fn start(settings: &Settings) -> Outcome<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("isochron-aeron-{}-{number}", std::process::id());
        let directory = Path::new("/dev/shm").join(name);
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("driver").stdin(Stdio::piped());
        command.env("AERON_DIR", &directory);
        command.env("AERON_DIR_DELETE_ON_START", "1");
        command.env("AERON_DIR_DELETE_ON_SHUTDOWN", "1");
        settings.apply(&mut command);
        let mut driver = Self { child: command.spawn()?, directory };
        let patience = Instant::now() + Duration::from_secs(20);
        while !driver.directory.join("cnc.dat").exists() {
            if driver.child.try_wait()?.is_some() || Instant::now() > patience {
                return Err("the media driver did not start".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(driver)
    }

    /// Where its clients find it.
    pub fn directory(&self) -> &str {
        self.directory.to_str().expect("made of ASCII")
    }

    /// Processor time it has used.
    pub fn cpu(&self) -> Duration {
        cpu_of(&format!("/proc/{}/stat", self.child.id()))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let patience = Instant::now() + Duration::from_secs(5);
        while Instant::now() < patience {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Processor time that this process has used.
pub fn own_cpu() -> Duration {
    cpu_of("/proc/self/stat")
}

/// The user and system time of a process, in the kernel's ticks of 10 ms.
fn cpu_of(stat: &str) -> Duration {
    let text = std::fs::read_to_string(stat).unwrap_or_default();
    let after_name = text.rsplit(") ").next().unwrap_or("");
    let ticks = after_name.split(' ').skip(11).take(2).map(|word| word.parse().unwrap_or(0));
    Duration::from_millis(10 * ticks.sum::<u64>())
}

/// Is the driver, by what the environment says, until standard input ends.
pub fn run() -> Outcome {
    let stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopped);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        stop.store(true, Ordering::Release);
    });
    let driver = AeronDriver::new(&AeronDriverContext::new()?)?;
    driver.start(true)?;
    while !stopped.load(Ordering::Acquire) {
        driver.main_idle_strategy(driver.main_do_work()?);
    }
    Ok(())
}
