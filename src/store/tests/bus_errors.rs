//! Mapped files that lose their bytes: ours are named, of others the system's default remains.

use std::os::unix::process::ExitStatusExt;
use std::process::Output;

use super::processes::child;
use super::*;

/// Runs this test as a child that ends by SIGBUS; how it ended, and what it said about errors.
fn end_of_child(test: &str, directory: &Path) -> (Output, String) {
    let mut command = child(&format!("bus_errors::{test}"), directory);
    let output = command.stderr(std::process::Stdio::piped()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, errors)
}

/// What a message names: the file, the byte, the position.
fn named(errors: &str) -> (PathBuf, u64, u64) {
    let line = errors.lines().find(|line| line.contains(" has lost its byte "));
    let line = line.unwrap_or_else(|| panic!("nothing is named: {errors}"));
    let (path, rest) = line.split_once(" has lost its byte ").unwrap();
    let (byte, rest) = rest.split_once(", position ").unwrap();
    let (position, rest) = rest.split_once(" of the log: ").unwrap();
    assert_eq!(rest, "it was cut short, or its disk failed (SIGBUS)");
    let path = path.strip_prefix("isochron: ").unwrap();
    (path.into(), byte.parse().unwrap(), position.parse().unwrap())
}

#[test]
fn a_writer_whose_segment_is_cut_short_names_it() {
    const NAME: &str = "a_writer_whose_segment_is_cut_short_names_it";
    if let Some(directory) = std::env::var_os(processes::CHILD_DIRECTORY) {
        end_on_bus_error().unwrap();
        let directory = Path::new(&directory);
        let (mut writer, _) = StoreWriter::open(&options(directory), Nanos(0)).unwrap();
        // Into the second segment, which then loses all but its first page.
        let message = Random(1).message(1376, true);
        while writer.position().get() < TERM_BYTES as u64 + 1408 {
            append(&mut writer, std::slice::from_ref(&message));
        }
        let segment = directory.join("00000000000000065536.log");
        std::fs::File::options().write(true).open(segment).unwrap().set_len(4096).unwrap();
        loop {
            append(&mut writer, std::slice::from_ref(&message));
        }
    }
    let here = tempfile::tempdir().unwrap();
    let (output, errors) = end_of_child(NAME, here.path());
    assert_eq!(output.status.code(), Some(BUS_ERROR_EXIT_CODE), "{errors}");
    let (path, byte, position) = named(&errors);
    assert_eq!(path, here.path().join("00000000000000065536.log"));
    // In the first message that reaches beyond the page that is left; which byte of it is written
    // first is the compiler's choice.
    assert!((4096..4096 + 1408).contains(&byte), "{byte}");
    assert_eq!(position, TERM_BYTES as u64 + byte);
}

#[test]
fn a_reader_whose_segment_is_cut_short_names_it() {
    const NAME: &str = "a_reader_whose_segment_is_cut_short_names_it";
    if let Some(directory) = std::env::var_os(processes::CHILD_DIRECTORY) {
        end_on_bus_error().unwrap();
        let directory = Path::new(&directory);
        let mut reader = StoreReader::attach(directory, None).unwrap();
        assert!(reader.next().unwrap().is_some());
        let segment = directory.join("00000000000000000000.log");
        std::fs::File::options().write(true).open(segment).unwrap().set_len(0).unwrap();
        reader.next().unwrap();
        unreachable!("it was read");
    }
    let here = tempfile::tempdir().unwrap();
    let (mut writer, _) = StoreWriter::open(&options(here.path()), Nanos(0)).unwrap();
    let second = append(&mut writer, &[Random(1).message(64, true)]);
    let end = append(&mut writer, &[Random(2).message(64, true)]);
    writer.close().unwrap();
    let (output, errors) = end_of_child(NAME, here.path());
    assert_eq!(output.status.code(), Some(BUS_ERROR_EXIT_CODE), "{errors}");
    let (path, byte, position) = named(&errors);
    assert_eq!(path, here.path().join("00000000000000000000.log"));
    assert!((second.get()..end.get()).contains(&byte) && position == byte, "{byte}, {position}");
}

#[test]
fn what_is_not_ours_ends_a_process_as_before() {
    const NAME: &str = "what_is_not_ours_ends_a_process_as_before";
    if let Some(directory) = std::env::var_os(processes::CHILD_DIRECTORY) {
        end_on_bus_error().unwrap();
        let directory = Path::new(&directory);
        if directory.join("by-hand").exists() {
            let pid = std::process::id().to_string();
            std::process::Command::new("kill").args(["-BUS", &pid]).status().unwrap();
            // It comes, to whichever thread.
            loop {
                std::thread::park();
            }
        }
        let path = directory.join("other");
        std::fs::write(&path, [7; 8192]).unwrap();
        let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
        let mapping = memmap2::MmapRaw::map_raw(&file).unwrap();
        file.set_len(0).unwrap();
        // SAFETY: within the mapping; that its file is gone is what is tested.
        #[expect(unsafe_code, reason = "touches what is mapped")]
        let byte = unsafe { mapping.as_ptr().add(4_096).read_volatile() };
        unreachable!("{byte} was read");
    }
    for by_hand in [false, true] {
        let here = tempfile::tempdir().unwrap();
        if by_hand {
            std::fs::write(here.path().join("by-hand"), "").unwrap();
        }
        let (output, errors) = end_of_child(NAME, here.path());
        assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{errors}");
        assert!(!errors.contains("has lost"), "{errors}");
    }
}
