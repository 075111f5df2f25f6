//! The Java driver and its samples, older and of other hands than the C one.
//!
//! `BasicSubscriber` prints what it receives, and `FileSender` sends a file in messages of the
//! largest size. Both say little of positions: the follower's are counted on from where the first
//! message stands in what was sent.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::Outcome;
use crate::driver::Loss;
use crate::log::{Log, framed};
use crate::stage::{Seat, Stage};
use crate::stream::{Stream, TERM_BYTES};

/// Where Java and Aeron's classes are.
#[derive(Clone, Debug)]
pub struct Java {
    program: PathBuf,
    classes: PathBuf,
}

impl Java {
    /// By what the environment says: `ISOCHRON_JAVA` and `ISOCHRON_AERON_JAR`.
    pub fn found() -> Outcome<Self> {
        let path = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).ok_or(format!("{name} is not set"))
        };
        Ok(Self { program: path("ISOCHRON_JAVA")?, classes: path("ISOCHRON_AERON_JAR")? })
    }

    fn command(&self, directory: &Path, properties: &[String], class: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args([
            "--add-opens",
            "java.base/sun.nio.ch=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
        ]);
        command.args(["-Djava.net.preferIPv4Stack=true", "-Daeron.threading.mode=SHARED"]);
        command.args(["-Daeron.mtu.length=1408", "-Daeron.dir.delete.on.start=true"]);
        // What overruns a socket would be a loss that nobody made.
        command.arg("-Daeron.socket.so_rcvbuf=2097152");
        // A busy machine is no dead peer.
        command.args(["-Daeron.client.liveness.timeout=60s", "-Daeron.driver.timeout=60000"]);
        command.args(["-Daeron.image.liveness.timeout=60s"]);
        command.arg("-Daeron.publication.unblock.timeout=90s");
        command.arg(format!("-Daeron.dir={}", directory.display()));
        command.args(properties.iter().map(|property| format!("-Daeron.{property}")));
        command.arg("-cp").arg(&self.classes).arg(format!("io.aeron.{class}"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        command
    }
}

/// A process that ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A driver's directory, away when it is dropped.
struct Directory(PathBuf);

impl Directory {
    fn new(stream: &Stream, who: &str) -> Self {
        let (process, port) = (std::process::id(), stream.endpoint.port());
        Self(Path::new("/dev/shm").join(format!("isochron-aeron-{process}-{who}-{port}")))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Follows to the end; the positions count from the beginning of the term where it joined.
pub fn follow(stream: &Stream, loss: Option<Loss>, stage: &Stage, seat: &Seat) -> Outcome<Log> {
    let directory = Directory::new(stream, "follower");
    let mut properties = vec![
        "sample.embeddedMediaDriver=true".to_string(),
        format!("sample.channel={}", stream.channel()),
        format!("sample.streamId={}", stream.id),
    ];
    if let Some(Loss { rate, seed }) = loss {
        let supplier = "io.aeron.driver.ext.DebugReceiveChannelEndpointSupplier";
        properties.push(format!("ReceiveChannelEndpoint.supplier={supplier}"));
        properties.push(format!("debug.receive.data.loss.rate={rate}"));
        properties.push(format!("debug.receive.data.loss.seed={seed}"));
    }
    let class = "samples.BasicSubscriber";
    let mut command = Java::found()?.command(&directory.0, &properties, class);
    let mut process = Process(command.spawn()?);
    let printed = BufReader::new(process.0.stdout.take().ok_or("no output of Java")?);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(stream, printed, stage, seat));
        let waited = stage.wait("Java has received all", || {
            let followed = seat.followed.load(Ordering::Acquire);
            let all = stage.end().is_some_and(|end| end % TERM_BYTES == followed % TERM_BYTES);
            all && seat.joined().is_some() || reader.is_finished()
        });
        // Its end is the end of what it prints.
        drop(process);
        let log = reader.join().map_err(|_| "the reader panicked")?;
        waited?;
        Ok(log)
    })
}

/// Reads what `BasicSubscriber` prints, until it ends.
fn read(stream: &Stream, mut from: impl BufRead, stage: &Stage, seat: &Seat) -> Log {
    let (mut log, mut line) = (Log::new(0, TERM_BYTES), Vec::new());
    while from.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        if line.starts_with(b"Subscribing") {
            seat.ready.store(true, Ordering::Release);
        }
        if let Some((session, payload, offset)) = message(&line) {
            if log.len() == 0 {
                log = Log::new(offset, TERM_BYTES);
                // Where that is, is known when all is compared; here only that it has begun.
                seat.join(stage.published.load(Ordering::Acquire));
            }
            let (in_term, begun) = (log.end() % TERM_BYTES, log.end() / TERM_BYTES * TERM_BYTES);
            let position = begun + if offset < in_term { TERM_BYTES } else { 0 } + offset;
            log.push(position, (session, stream.id, 0), payload);
            seat.followed.store(log.end(), Ordering::Release);
        }
        line.clear();
    }
    log
}

/// `Message to stream 1001 from session 123 (70@32) <<...>>`: the session, the payload, and where
/// its frame begins in the term.
fn message(line: &[u8]) -> Option<(i32, &[u8], u64)> {
    let begin = line.windows(2).position(|two| two == b"<<")?;
    let words = std::str::from_utf8(&line[..begin]).ok()?;
    let words = words.strip_prefix("Message to stream ")?.split_once(" from session ")?.1;
    let (session, place) = words.trim_end().split_once(" (")?;
    let (bytes, offset) = place.strip_suffix(')')?.split_once('@')?;
    let payload = line[begin + 2..].get(..bytes.parse().ok()?)?;
    Some((session.parse().ok()?, payload, offset.parse::<u64>().ok()? - 32))
}

/// Publishes a file by a driver of its own. All of it is published as soon as a follower is there.
pub fn publish(stream: &Stream, file: &Path, stage: &Stage) -> Outcome {
    let (java, directory) = (Java::found()?, Directory::new(stream, "publisher"));
    let driver = java.command(&directory.0, &[], "driver.MediaDriver").spawn()?;
    let _driver = Process(driver);
    stage.wait("the Java driver runs", || directory.0.join("cnc.dat").exists())?;
    let properties = [
        format!("sample.channel={}", stream.publication()),
        format!("sample.streamId={}", stream.id),
    ];
    let mut command = java.command(&directory.0, &properties, "samples.FileSender");
    let mut sender = Process(command.arg(file).stdout(Stdio::null()).spawn()?);
    while sender.0.try_wait()?.is_none() {
        stage.check("Java has published the file")?;
        std::thread::sleep(Duration::from_millis(5));
    }
    let length = std::fs::metadata(file)?.len();
    stage.published.store(end_of_file(length, file), Ordering::Release);
    stage.ended.store(true, Ordering::Release);
    while !stage.curtain.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// What `FileSender` writes before the name, and before each piece of the file.
const CREATE_BYTES: usize = 28;
const CHUNK_BYTES: usize = 32;
const PAYLOAD_BYTES: usize = 1376;

/// Where the messages of a file end.
fn end_of_file(length: u64, file: &Path) -> u64 {
    let name = file.file_name().map_or(0, std::ffi::OsStr::len);
    let room = (PAYLOAD_BYTES - CHUNK_BYTES) as u64;
    let mut at = framed(CREATE_BYTES + name);
    let pieces = (0..length.div_ceil(room)).map(|n| room.min(length - n * room));
    for piece in pieces {
        let bytes = framed(CHUNK_BYTES + piece as usize);
        if at % TERM_BYTES + bytes > TERM_BYTES {
            at = at.next_multiple_of(TERM_BYTES);
        }
        at += bytes;
    }
    at
}

/// Whether what was followed is the file, and what is wrong.
pub fn check_file(log: &Log, stream: &Stream, file: &Path) -> Result<(), String> {
    let expected = std::fs::read(file).map_err(|error| error.to_string())?;
    let (mut content, mut at) = (Vec::new(), 0);
    for (number, (frame, payload)) in log.frames().enumerate() {
        if (frame.session, frame.stream) != (stream.session, stream.id) {
            return Err(format!("a frame of another stream: {frame:?}"));
        }
        let bytes = framed(payload.len());
        if at % TERM_BYTES + bytes > TERM_BYTES {
            at = at.next_multiple_of(TERM_BYTES);
        }
        if frame.position != at {
            return Err(format!("a frame at {}, expected at {at}", frame.position));
        }
        at += bytes;
        if number > 0 {
            content.extend_from_slice(payload.get(CHUNK_BYTES..).ok_or("a short message")?);
        }
    }
    match content == expected {
        true => Ok(()),
        false => Err(format!("{} bytes of a file of {}", content.len(), expected.len())),
    }
}
