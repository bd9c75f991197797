//! Writing objects.

use bytes::Bytes;
use gristmill_doubles::storage::Operation;

use crate::kit::{BUCKET, FULL, Kit, bytes};

#[test]
fn one_request_writes_an_object() {
    let kit = Kit::new();
    let body = bytes(100_000);
    let written = kit.run(async {
        let write = kit.storage.write_object(FULL, "o", Bytes::from(body.clone()));
        write.set_content_type("text/plain").set_metadata([("a", "b")]).send_unbuffered().await.unwrap()
    });
    assert_eq!((written.size, written.content_type.as_str()), (100_000, "text/plain"));
    assert_eq!(written.metadata["a"], "b");
    assert_eq!(written.checksums.unwrap().crc32c, Some(crc32c::crc32c(&body)));
    assert!(kit.double.get(BUCKET, "o").unwrap() == body);
    let [request] = kit.double.requests().try_into().unwrap();
    assert_eq!((request.operation, request.status), (Operation::InsertObject, Some(200)));
    assert!(request.received > 100_000, "{request:?}");
}

#[test]
fn an_upload_in_parts_writes_an_object() {
    let kit = Kit::new();
    let body = bytes(1_000_000);
    kit.run(async {
        let write = kit.storage.write_object(FULL, "p/o", Bytes::from(body.clone()));
        let write = write.with_resumable_upload_threshold(0_usize).with_resumable_upload_buffer_size(262_144_usize);
        let written = write.send_buffered().await.unwrap();
        assert_eq!(written.size, 1_000_000);
    });
    assert!(kit.double.get(BUCKET, "p/o").unwrap() == body);
    assert_eq!(kit.double.count(Operation::StartUpload), 1);
    assert_eq!(kit.double.count(Operation::UploadPart), 4);
    assert_eq!(kit.double.requests()[1].range, Some((0, 262_143)));
    assert_eq!(kit.double.requests()[1].object, "p/o");
}

#[test]
fn an_upload_in_one_part_writes_an_object() {
    let kit = Kit::new();
    let body = bytes(1_000_000);
    kit.run(async {
        let write = kit.storage.write_object(FULL, "o", Bytes::from(body.clone()));
        write.with_resumable_upload_threshold(0_usize).send_unbuffered().await.unwrap();
        let write = kit.storage.write_object(FULL, "empty", Bytes::new());
        write.with_resumable_upload_threshold(0_usize).send_unbuffered().await.unwrap();
    });
    assert!(kit.double.get(BUCKET, "o").unwrap() == body);
    assert_eq!(kit.double.get(BUCKET, "empty").unwrap(), "");
}

#[test]
fn a_name_is_written_once_where_that_is_asked() {
    let kit = Kit::new();
    let write = |text: &'static str, threshold: usize| {
        kit.run(async {
            let write = kit.storage.write_object(FULL, "o", text).set_if_generation_match(0_i64);
            write.with_resumable_upload_threshold(threshold).send_unbuffered().await
        })
    };
    write("one", 1_000).unwrap();
    assert_eq!(write("two", 1_000).unwrap_err().http_status_code(), Some(412));
    assert_eq!(write("two", 0).unwrap_err().http_status_code(), Some(412));
    assert_eq!(kit.double.get(BUCKET, "o").unwrap(), "one");
}

#[test]
fn bytes_that_are_not_those_of_their_checksum_are_refused() {
    let kit = Kit::new();
    for threshold in [0_usize, 1_000] {
        let refused = kit.run(async {
            let write = kit.storage.write_object(FULL, "o", "text").with_known_crc32c(1_u32);
            write.with_resumable_upload_threshold(threshold).send_unbuffered().await.unwrap_err()
        });
        assert_eq!(refused.http_status_code(), Some(400));
        assert!(refused.to_string().contains("doesn't match calculated CRC32C"), "{refused}");
    }
    assert_eq!(kit.double.get(BUCKET, "o"), None);
}

#[test]
fn a_folder_becomes_objects() {
    let kit = Kit::new();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("x/y")).unwrap();
    std::fs::write(folder.path().join("x/y/a"), "1").unwrap();
    std::fs::write(folder.path().join("b"), "2").unwrap();
    assert_eq!(kit.double.put_folder(BUCKET, "in/", folder.path()).unwrap(), 2);
    assert_eq!(kit.double.list(BUCKET, ""), ["in/b", "in/x/y/a"]);
    let missing = kit.double.put_folder(BUCKET, "", &folder.path().join("none")).unwrap_err();
    assert!(missing.to_string().contains("none"), "{missing}");
    let nowhere = kit.double.put("none", "o", "").unwrap_err();
    assert_eq!(nowhere.to_string(), "`gs://none/o` cannot be put: The specified bucket does not exist.");
}
