//! A feed's log while one publisher follows another: whoever attaches then.

use isochron::feed_log::{FeedLog, FeedLogOptions, FeedLogWriter, Origin, directory};
use isochron::limits::{TERM_BYTES_MIN, UNCOMMITTED_BYTES_DEFAULT};
use isochron::store::{Disk, Identity, MemoryDisk};
use isochron::types::Nanos;
use isochron_feeds::mold::Session;
use isochron_recovery::SequencedLog;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const SESSION: Session = Session(*b"261122300A");

/// A publisher's life: it logs a message, and says that it was sent.
fn publish(disk: &Arc<dyn Disk>) {
    let exchange = "XISO".to_owned();
    let identity =
        Identity { exchange, exchange_number: 7, node: 1, schema_id: 1, schema_version: 0 };
    let options = FeedLogOptions {
        store: Path::new("/store").into(),
        identity,
        term_bytes: TERM_BYTES_MIN,
        unsent_bytes_max: UNCOMMITTED_BYTES_DEFAULT,
    };
    let mut log = FeedLogWriter::open(Arc::clone(disk), &options, SESSION, 1, Nanos(0)).unwrap();
    let number = log.next_sequence().to_le_bytes();
    log.push(&number, Origin::default()).unwrap();
    log.flush().unwrap();
    log.commit_to(log.position());
}

#[test]
fn what_is_told_while_a_publisher_begins_can_be_read() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    publish(&disk);
    let directory = directory(Path::new("/store"), SESSION);
    let ended = AtomicBool::new(false);
    let read = std::thread::scope(|scope| {
        scope.spawn(|| {
            (0..300).for_each(|_| publish(&disk));
            ended.store(true, Ordering::Relaxed);
        });
        let mut read = 0;
        while !ended.load(Ordering::Relaxed) {
            // What nobody has committed may just be being cut.
            let Ok(mut log) = FeedLog::open(Arc::clone(&disk), &directory, SESSION) else {
                continue;
            };
            log.refresh();
            for number in log.first()..log.next() {
                let found = log.get(number).map(<[u8]>::to_vec);
                assert_eq!(found, Some(number.to_le_bytes().into()), "{:?}", log.fault());
                read += 1;
            }
        }
        read
    });
    assert!(read > 0);
}
