//! Reading objects.

use google_cloud_storage::model_ext::ReadRange;
use gristmill_doubles::storage::Operation;

use crate::kit::{BUCKET, FULL, Kit, bytes};

#[test]
fn a_whole_object_comes_with_its_checksums() {
    let kit = Kit::new();
    let expected = bytes(3_000_000);
    let generation = kit.double.put(BUCKET, "a/b c%é", expected.clone()).unwrap();
    kit.run(async {
        let mut reading = kit.storage.read_object(FULL, "a/b c%é").send().await.unwrap();
        let about = reading.object();
        assert_eq!((about.generation, about.metageneration, about.size), (generation, 1, 3_000_000));
        assert_eq!(about.checksums.unwrap().crc32c, Some(crc32c::crc32c(&expected)));
        let mut found = Vec::new();
        while let Some(piece) = reading.next().await {
            found.extend_from_slice(&piece.unwrap());
        }
        assert!(found == expected);
    });
    let [request] = kit.double.requests().try_into().unwrap();
    assert_eq!((request.operation, request.object.as_str()), (Operation::ReadObject, "a/b c%é"));
    assert_eq!((request.status, request.sent, request.range), (Some(200), 3_000_000, None));
}

#[test]
fn an_empty_object_has_no_bytes() {
    let kit = Kit::new();
    kit.double.put(BUCKET, "empty", "").unwrap();
    assert_eq!(kit.read("empty").unwrap(), b"");
}

#[test]
fn ranges_are_cut_out() {
    let kit = Kit::new();
    let all = bytes(1_000_000);
    kit.double.put(BUCKET, "o", all.clone()).unwrap();
    for (range, expected) in [
        (ReadRange::segment(100, 50), &all[100..150]),
        (ReadRange::offset(999_990), &all[999_990..]),
        (ReadRange::tail(7), &all[999_993..]),
        (ReadRange::head(3), &all[..3]),
        (ReadRange::segment(999_999, 10), &all[999_999..]),
    ] {
        let found = kit.run(async {
            let mut reading = kit.storage.read_object(FULL, "o").set_read_range(range).send().await.unwrap();
            let mut found = Vec::new();
            while let Some(piece) = reading.next().await {
                found.extend_from_slice(&piece.unwrap());
            }
            found
        });
        assert!(found == expected, "{} bytes instead of {}", found.len(), expected.len());
    }
    assert_eq!(kit.double.requests()[0].range, Some((100, 149)));
    let beyond = kit.run(kit.storage.read_object(FULL, "o").set_read_range(ReadRange::offset(1_000_000)).send());
    assert_eq!(beyond.map(|_| ()).unwrap_err().http_status_code(), Some(416));
}

#[test]
fn a_generation_that_was_written_over_is_not_there() {
    let kit = Kit::new();
    let first = kit.double.put(BUCKET, "o", "one").unwrap();
    let read = |generation: i64| {
        kit.run(async {
            let mut reading = kit.storage.read_object(FULL, "o").set_generation(generation).send().await?;
            let piece = reading.next().await.unwrap()?;
            Ok::<_, google_cloud_storage::Error>(piece)
        })
    };
    assert_eq!(read(first).unwrap(), "one");
    let second = kit.double.put(BUCKET, "o", "two").unwrap();
    assert_eq!(read(first).unwrap_err().http_status_code(), Some(404));
    assert_eq!(read(second).unwrap(), "two");
    let stale = kit.run(kit.storage.read_object(FULL, "o").set_if_generation_match(first).send());
    assert_eq!(stale.map(|_| ()).unwrap_err().http_status_code(), Some(412));
    let same = kit.run(kit.storage.read_object(FULL, "o").set_if_generation_not_match(second).send());
    assert_eq!(same.map(|_| ()).unwrap_err().http_status_code(), Some(304));
}

#[test]
fn what_is_not_there_is_said_to_be_missing() {
    let kit = Kit::new();
    assert_eq!(kit.read("none").unwrap_err().http_status_code(), Some(404));
    let elsewhere = kit.run(kit.storage.read_object("projects/_/buckets/none", "o").send());
    assert_eq!(elsewhere.map(|_| ()).unwrap_err().http_status_code(), Some(404));
    assert_eq!(kit.double.count(Operation::ReadObject), 2);
}
