//! Readers beside a live writer: in other threads and in other processes.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

pub(super) const CHILD_DIRECTORY: &str = "ISOCHRON_STORE_TEST_DIRECTORY";

/// Messages that say which transaction they belong to, which of it they are, and of how many.
fn numbered(random: &mut Random, transaction: u64) -> Vec<Vec<u8>> {
    let count = 1 + random.below(5);
    let message = |index: usize| {
        let mut message = vec![transaction as u8; 40 + random.below(160)];
        message[8..16].copy_from_slice(&transaction.to_le_bytes());
        message[16..20].copy_from_slice(&(index as u32).to_le_bytes());
        message[20..24].copy_from_slice(&(count as u32).to_le_bytes());
        message[36] = u8::from(index + 1 == count);
        message
    };
    (0..count).map(message).collect()
}

/// Checks that messages come in order and whole.
#[derive(Default)]
struct Watcher {
    transaction: u64,
    index: u32,
}

impl Watcher {
    fn see(&mut self, message: &[u8]) {
        let word = |at: usize| u32::from_le_bytes(message[at..at + 4].try_into().unwrap());
        let transaction = u64::from_le_bytes(message[8..16].try_into().unwrap());
        assert_eq!((transaction, word(16)), (self.transaction, self.index));
        let filled = message[40..].iter().all(|byte| *byte == transaction as u8);
        assert!(filled, "the whole message is there");
        self.index += 1;
        if self.index == word(20) {
            self.index = 0;
            self.transaction += 1;
        }
    }
}

#[test]
fn readers_see_whole_transactions_while_the_writer_writes() {
    const TRANSACTIONS: u64 = 60_000;
    let here = tempfile::tempdir().unwrap();
    // Some crossings, but not so many that the test waits for a disk most of the time.
    let options = Options { term_bytes: 16 * TERM_BYTES, ..options(here.path()) };
    let (mut writer, _) = StoreWriter::open(&options, Nanos(0)).unwrap();
    let mut helper = writer.take_helper().unwrap();
    let done = AtomicBool::new(false);
    let (polls, refused) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reader = StoreReader::attach(here.path(), None).unwrap();
            let (mut watcher, mut polls) = (Watcher::default(), 0);
            while watcher.transaction < TRANSACTIONS {
                let given = reader.poll(64, |frame| watcher.see(frame.message)).unwrap();
                assert_eq!(watcher.index, 0, "a poll ends with a whole transaction");
                polls += usize::from(given > 0);
                if given == 0 {
                    std::thread::yield_now();
                }
            }
            polls
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if helper.do_work(Nanos(0)) == 0 {
                    std::thread::yield_now();
                }
            }
        });
        let (mut random, mut refused) = (Random(77), 0_usize);
        for number in 0..TRANSACTIONS {
            let messages = numbered(&mut random, number);
            while writer.check_room(size(&messages)).is_err() {
                refused += 1;
                std::thread::yield_now();
            }
            append(&mut writer, &messages);
        }
        let polls = reader.join();
        done.store(true, Ordering::Relaxed);
        (polls.unwrap(), refused)
    });
    println!("{polls} polls found something, {refused} times the next segment was not ready");
    assert!(polls > 10);
    writer.close().unwrap();
}

/// Runs the test of this name in a process of its own, where it plays the child.
pub(super) fn child(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--nocapture", &format!("store::tests::{test}")]);
    command.env(CHILD_DIRECTORY, directory).stdout(Stdio::piped()).stdin(Stdio::piped());
    command
}

/// Waits for a line of a child's; the harness prints before it on the same line.
fn wait_for(lines: &mut Lines<BufReader<ChildStdout>>, end: &str) -> String {
    let line = lines.map(Result::unwrap).find(|line| line.contains(end));
    let line = line.unwrap_or_else(|| panic!("the child ended before {end:?}"));
    line[line.find(end).unwrap()..].to_string()
}

fn start(test: &str, directory: &Path) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut started = child(&format!("processes::{test}"), directory).spawn().unwrap();
    let lines = BufReader::new(started.stdout.take().unwrap()).lines();
    (started, lines)
}

fn read_to_the_end(directory: &Path) {
    let expected = Expected::exactly(&identity(), TERM_BYTES);
    let options = ReaderOptions { expected, check: Check::Content, ..ReaderOptions::default() };
    let mut reader = StoreReader::attach_on(Arc::new(RealDisk), directory, &options).unwrap();
    println!("attached");
    let mut watcher = Watcher::default();
    let mut last = false;
    while !last {
        let given = reader.poll(100, |frame| match frame.message.len() {
            1000 => last = true,
            _ => watcher.see(frame.message),
        });
        if given.unwrap() == 0 {
            std::thread::yield_now();
        }
    }
    println!("read {} {}", watcher.transaction, reader.chain().unwrap());
}

#[test]
fn readers_in_other_processes_follow() {
    const NAME: &str = "readers_in_other_processes_follow";
    if let Some(directory) = std::env::var_os(CHILD_DIRECTORY) {
        return read_to_the_end(Path::new(&directory));
    }
    let here = tempfile::tempdir().unwrap();
    let (mut writer, _) = StoreWriter::open(&options(here.path()), Nanos(0)).unwrap();
    let (mut early, mut early_lines) = start(NAME, here.path());
    wait_for(&mut early_lines, "attached");
    let mut random = Random(78);
    for number in 0..7_000 {
        append(&mut writer, &numbered(&mut random, number));
    }
    // A late one begins at the first position while the writer goes on.
    let (mut late, mut late_lines) = start(NAME, here.path());
    for number in 7_000..20_000 {
        append(&mut writer, &numbered(&mut random, number));
    }
    append(&mut writer, &[random.message(1000, true)]);
    let expected = format!("read 20000 {}", writer.chain());
    assert_eq!(wait_for(&mut early_lines, "read "), expected);
    assert_eq!(wait_for(&mut late_lines, "read "), expected);
    assert!(early.wait().unwrap().success() && late.wait().unwrap().success());
}

fn hold_the_store(directory: &Path) {
    let (mut writer, _) = StoreWriter::open(&options(directory), Nanos(0)).unwrap();
    append(&mut writer, &[Random(5).message(40, true)]);
    println!("holding");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

#[test]
fn a_writer_in_another_process_is_named_and_its_death_frees_the_store() {
    const NAME: &str = "a_writer_in_another_process_is_named_and_its_death_frees_the_store";
    if let Some(directory) = std::env::var_os(CHILD_DIRECTORY) {
        return hold_the_store(Path::new(&directory));
    }
    let here = tempfile::tempdir().unwrap();
    let (mut holder, mut lines) = start(NAME, here.path());
    wait_for(&mut lines, "holding");
    let refused = StoreWriter::open(&options(here.path()), Nanos(0)).unwrap_err();
    assert!(matches!(refused, OpenError::Held { pid: Some(pid), .. } if pid == holder.id()));
    let mut reader = StoreReader::attach(here.path(), None).unwrap();
    assert!(reader.writer_lives().unwrap());
    assert_eq!(read(&mut reader).len(), 1);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(!reader.writer_lives().unwrap());
    let (mut writer, recovery) = StoreWriter::open(&options(here.path()), Nanos(0)).unwrap();
    assert_eq!((recovery.transactions, recovery.cut, recovery.clean), (1, None, false));
    append(&mut writer, &[Random(6).message(40, true)]);
    assert_eq!(read(&mut reader).len(), 1, "a reader stays attached over the restart");
}
