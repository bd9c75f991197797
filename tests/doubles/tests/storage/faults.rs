//! What goes wrong when a test asks for it, and how Google's own client takes it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use gristmill_doubles::storage::{Effect, Fault, Operation};

use crate::kit::{BUCKET, FULL, Kit, bytes};

#[test]
fn a_read_that_is_refused_twice_comes_the_third_time() {
    let kit = Kit::new();
    kit.double.put(BUCKET, "o", "text").unwrap();
    for status in [503, 429, 408, 500] {
        kit.double.clear_requests();
        kit.double.fault(Fault::new(Effect::Refuse(status)).on(Operation::ReadObject).times(2));
        assert_eq!(kit.read("o").unwrap(), b"text");
        let statuses: Vec<_> = kit.double.requests().into_iter().map(|request| request.status).collect();
        assert_eq!(statuses, [Some(status), Some(status), Some(200)]);
    }
    kit.double.fault(Fault::new(Effect::Refuse(503)).under("o").always());
    assert_eq!(kit.read("o").unwrap_err().http_status_code(), Some(503));
    kit.double.clear_faults();
    assert_eq!(kit.read("o").unwrap(), b"text");
}

#[test]
fn a_listing_that_is_refused_comes_the_next_time() {
    let kit = Kit::new();
    kit.double.put(BUCKET, "o", "text").unwrap();
    kit.double.fault(Fault::new(Effect::Refuse(503)).on(Operation::ListObjects));
    kit.double.fault(Fault::new(Effect::HangUp).on(Operation::ListObjects));
    let page = kit.run(kit.control.list_objects().set_parent(FULL).send()).unwrap();
    assert_eq!(page.objects.len(), 1);
    assert_eq!(kit.double.count(Operation::ListObjects), 3);
}

#[test]
fn a_body_that_is_cut_goes_on_where_it_was() {
    let kit = Kit::new();
    let all = bytes(3_000_000);
    kit.double.put(BUCKET, "o", all.clone()).unwrap();
    kit.double.fault(Fault::new(Effect::Cut(1_000_000)));
    kit.double.fault(Fault::new(Effect::Cut(0)));
    assert!(kit.read("o").unwrap() == all);
    let requests = kit.double.requests();
    let ranges: Vec<_> = requests.iter().map(|request| request.range).collect();
    assert_eq!(ranges, [None, Some((1_000_000, 2_999_999)), Some((1_000_000, 2_999_999))]);
    assert_eq!(requests[0].sent, 1_000_000);
    assert!(requests[1].generation.is_some(), "it goes on with the same generation");
}

#[test]
fn a_byte_that_is_changed_is_noticed_at_the_end() {
    let kit = Kit::new();
    kit.double.put(BUCKET, "o", bytes(1_000_000)).unwrap();
    kit.double.fault(Fault::new(Effect::Corrupt(500_000)));
    let error = kit.read("o").unwrap_err();
    assert!(error.is_deserialization() && format!("{error:?}").contains("ChecksumMismatch"), "{error:?}");
    assert_eq!(kit.read("o").unwrap(), bytes(1_000_000));
}

#[test]
fn a_write_whose_answer_is_lost_has_happened() {
    let kit = Kit::new();
    for (name, effect) in [("a", Effect::RefuseAfter(503)), ("b", Effect::HangUpAfter)] {
        kit.double.fault(Fault::new(effect).on(Operation::InsertObject));
        let again = kit.run(async {
            let write = kit.storage.write_object(FULL, name, "text").set_if_generation_match(0_i64);
            write.send_unbuffered().await
        });
        // The client tries again, and then it is there already.
        assert_eq!(again.unwrap_err().http_status_code(), Some(412), "{name}");
        assert_eq!(kit.double.get(BUCKET, name).unwrap(), "text");
    }
    kit.double.fault(Fault::new(Effect::HangUp).on(Operation::InsertObject));
    let write = kit.storage.write_object(FULL, "c", "text").set_if_generation_match(0_i64);
    kit.run(write.send_unbuffered()).unwrap();
}

#[test]
fn an_upload_that_breaks_goes_on_where_it_was() {
    let kit = Kit::new();
    let all = bytes(1_000_000);
    kit.double.fault(Fault::new(Effect::Cut(300_000)).on(Operation::UploadPart));
    kit.run(async {
        let write = kit.storage.write_object(FULL, "o", Bytes::from(all.clone()));
        write.with_resumable_upload_threshold(0_usize).send_unbuffered().await.unwrap();
    });
    assert!(kit.double.get(BUCKET, "o").unwrap() == all);
    let requests = kit.double.requests();
    let seen: Vec<_> = requests.iter().map(|request| (request.operation, request.range)).collect();
    assert_eq!(
        seen,
        [
            (Operation::StartUpload, None),
            (Operation::UploadPart, Some((0, 999_999))),
            (Operation::QueryUpload, None),
            (Operation::UploadPart, Some((262_144, 999_999))),
        ]
    );
    assert_eq!(requests[1].status, None);
}

#[test]
fn a_written_byte_that_is_changed_is_refused() {
    let kit = Kit::new();
    for threshold in [0_usize, 1_000_000] {
        kit.double.fault(Fault::new(Effect::Corrupt(7)).under("o"));
        let write = || {
            let write = kit.storage.write_object(FULL, "o", Bytes::from(bytes(300_000)));
            kit.run(write.with_resumable_upload_threshold(threshold).send_unbuffered())
        };
        if threshold == 0 {
            // The fault is for the bytes, and befalls the beginning of the upload, which has none.
            write().unwrap();
            kit.double.fault(Fault::new(Effect::Corrupt(7)).on(Operation::UploadPart));
        }
        let refused = write().unwrap_err();
        assert_eq!(refused.http_status_code(), Some(400), "{refused}");
        assert!(refused.to_string().contains("doesn't match calculated CRC32C"), "{refused}");
        assert_eq!(kit.double.remove(BUCKET, "o"), threshold == 0);
    }
}

#[test]
fn a_listing_that_is_cut_comes_the_next_time() {
    let kit = Kit::new();
    for number in 0..500 {
        kit.double.put(BUCKET, &format!("{number:03}"), "").unwrap();
    }
    kit.double.fault(Fault::new(Effect::Cut(30_000)).on(Operation::ListObjects));
    let page = kit.run(kit.control.list_objects().set_parent(FULL).send()).unwrap();
    assert_eq!(page.objects.len(), 500);
    let sent: Vec<_> = kit.double.requests().iter().map(|request| request.sent).collect();
    assert!(sent.len() == 2 && sent[0] == 30_000 && sent[1] > 30_000, "{sent:?}");
}

#[test]
fn waiting_takes_time() {
    let kit = Kit::new();
    kit.double.put(BUCKET, "o", bytes(1_000)).unwrap();
    let took = |kit: &Kit| {
        let start = Instant::now();
        assert_eq!(kit.read("o").unwrap().len(), 1_000);
        start.elapsed()
    };
    took(&kit);
    kit.double.fault(Fault::new(Effect::Delay(Duration::from_millis(80))));
    assert!(took(&kit) >= Duration::from_millis(80));
    kit.double.fault(Fault::new(Effect::Slow { bytes: 250, pause: Duration::from_millis(30) }));
    assert!(took(&kit) >= Duration::from_millis(90));
    kit.double.set_latency(Duration::from_millis(50));
    assert!(took(&kit) >= Duration::from_millis(50));
}
