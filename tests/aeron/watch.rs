//! The C program of `docs/protocols/replication.md` as a follower: what it printed, and what it
//! recorded.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use crate::Outcome;
use crate::driver::{Driver, Settings};
use crate::log::{Log, framed};
use crate::stage::{Seat, Stage};
use crate::stream::{Stream, TERM_BYTES};

/// The built program, by what the environment says.
pub fn program() -> Outcome<PathBuf> {
    let path = std::env::var_os("ISOCHRON_WATCH").ok_or("ISOCHRON_WATCH is not set")?;
    Ok(PathBuf::from(path))
}

/// Follows to the end of the stream; what it recorded, after a comparison with what it printed.
pub fn follow(stream: &Stream, stage: &Stage, seat: &Seat) -> Outcome<Log> {
    let driver = Driver::start(&Settings::calm())?;
    let folder = tempfile::tempdir()?;
    let recording = folder.path().join("recording");
    let mut command = Command::new(program()?);
    command.args([driver.directory(), &stream.subscription(), &stream.id.to_string()]);
    command.arg(&recording).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watching = command.spawn()?;
    let (printed, said) = (watching.stdout.take(), watching.stderr.take());
    let (mut printed, mut said) = (printed.ok_or("no output")?, BufReader::new(said.ok_or("none")?));
    seat.ready.store(true, Ordering::Release);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut text = String::new();
            printed.read_to_string(&mut text).map(|_| text)
        });
        let mut line = String::new();
        said.read_line(&mut line)?;
        let joined = line.trim().strip_prefix("joined at ").and_then(|at| at.parse().ok());
        let joined = joined.ok_or_else(|| format!("the program said {line:?}"))?;
        seat.join(joined);
        let status = loop {
            if let Some(status) = watching.try_wait()? {
                break status;
            }
            if let Err(late) = stage.check("the program has seen the end of the stream") {
                watching.kill()?;
                return Err(late);
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        };
        let text = reader.join().map_err(|_| "the reader panicked")??;
        if !status.success() {
            return Err(format!("the program ended with {status}").into());
        }
        let log = recorded(&std::fs::read(&recording)?, joined);
        check_lines(&log, &text)?;
        Ok(log)
    })
}

/// The frames of a recording that begins at a position.
fn recorded(bytes: &[u8], joined: u64) -> Log {
    let mut log = Log::new(joined, TERM_BYTES);
    let (mut at, end) = (joined, joined + bytes.len() as u64);
    while at + 32 <= end {
        let header = &bytes[(at - joined) as usize..][..32];
        let number = |from: usize| i32::from_le_bytes(header[from..from + 4].try_into().unwrap());
        let length = number(0).max(32) as usize;
        let is_padding = header[6..8] == [0, 0];
        let last = ((at - joined) as usize + length).min(bytes.len());
        if !is_padding {
            let reserved = i64::from_le_bytes(header[24..32].try_into().unwrap());
            let payload = &bytes[(at - joined) as usize + 32..last];
            log.push(at, (number(12), number(16), reserved), payload);
        }
        at += framed(length - 32);
    }
    log
}

/// Every message has its line.
fn check_lines(log: &Log, text: &str) -> Outcome {
    let mut lines = text.lines();
    for (frame, message) in log.frames() {
        let template = u16::from_le_bytes([message[2], message[3]]);
        let sequence = u64::from_le_bytes(message[8..16].try_into()?);
        let expected = format!(
            "{} session {} epoch {} crc {:08x} template {template} sequence {sequence} bytes {}",
            frame.position,
            frame.session,
            frame.reserved >> 32,
            frame.reserved & 0xffff_ffff,
            message.len()
        );
        let line = lines.next().unwrap_or("");
        if line != expected {
            return Err(format!("the program printed {line:?}, expected {expected:?}").into());
        }
    }
    match lines.next() {
        None => Ok(()),
        Some(more) => Err(format!("the program printed more: {more:?}").into()),
    }
}
