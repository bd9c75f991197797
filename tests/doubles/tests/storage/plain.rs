//! The JSON interface, byte by byte.

use std::io::Write as _;

use gristmill_doubles::storage::{About, Effect, Fault, Operation};

use crate::kit::{BUCKET, Kit, bytes};

#[test]
fn a_listing_is_paged_and_folded() {
    let kit = Kit::new();
    for name in ["d", "e", "a/b", "a/c", "e/f", "e/g/h"] {
        kit.double.put(BUCKET, name, name.to_owned()).unwrap();
    }
    let list = |query: &str| kit.plain("GET", &format!("/storage/v1/b/tests/o?{query}"), &[], b"").json();
    let all = list("");
    assert_eq!(all["kind"], "storage#objects");
    assert_eq!(all["items"].as_array().unwrap().len(), 6);
    assert_eq!(all.get("nextPageToken"), None);
    let first = &all["items"][0];
    assert_eq!((&first["name"], &first["size"], &first["bucket"]), (&"a/b".into(), &"3".into(), &"tests".into()));
    assert!(first["selfLink"].as_str().unwrap().ends_with("/storage/v1/b/tests/o/a%2Fb"), "{first}");
    let folded = list("delimiter=%2F&prefix=e/");
    assert_eq!((&folded["items"][0]["name"], &folded["prefixes"][0]), (&"e/f".into(), &"e/g/".into()));
    let page = list("maxResults=4&matchGlob=**");
    assert_eq!(page["items"].as_array().unwrap().len(), 4);
    let next = list(&format!("maxResults=4&matchGlob=**&pageToken={}", page["nextPageToken"].as_str().unwrap()));
    assert_eq!(next["items"][1]["name"], "e/g/h");
    assert_eq!(list("prefix=none").get("items"), None);
    let missing = kit.plain("GET", "/storage/v1/b/none/o", &[], b"");
    assert_eq!((missing.status, &missing.json()["error"]["errors"][0]["reason"]), (404, &"notFound".into()));
    assert_eq!(kit.plain("GET", "/storage/v1/b/tests/o?maxResults=x", &[], b"").status, 400);
}

#[test]
fn bytes_come_by_both_paths() {
    let kit = Kit::new();
    let generation = kit.double.put(BUCKET, "a/b", "0123456789").unwrap();
    for path in ["/storage/v1/b/tests/o/a%2Fb?alt=media", "/download/storage/v1/b/tests/o/a%2Fb?alt=media"] {
        let whole = kit.plain("GET", path, &[], b"");
        assert_eq!((whole.status, whole.body.as_slice()), (200, &b"0123456789"[..]));
        assert_eq!(whole.header("x-goog-generation"), Some(generation.to_string().as_str()));
        assert_eq!(whole.header("x-goog-metageneration"), Some("1"));
        assert_eq!(whole.header("x-goog-stored-content-length"), Some("10"));
        assert_eq!(whole.header("x-goog-hash"), Some("crc32c=KAwGng==,md5=eB5eJF1ptWaXm4bijSPyxw=="));
        let part = kit.plain("GET", path, &["Range: bytes=2-4"], b"");
        assert_eq!((part.status, part.body.as_slice()), (206, &b"234"[..]));
        assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
        assert_eq!(kit.plain("GET", path, &["Range: bytes=10-"], b"").status, 416);
    }
    let missing = kit.plain("GET", "/storage/v1/b/tests/o/none?alt=media", &[], b"");
    assert_eq!((missing.status, missing.body.as_slice()), (404, &b"No such object: tests/none"[..]));
    // A slash of a name must be encoded.
    assert_eq!(kit.plain("GET", "/storage/v1/b/tests/o/a/b?alt=media", &[], b"").status, 404);
}

#[test]
fn an_object_is_described_and_deleted() {
    let kit = Kit::new();
    let generation = kit.double.put(BUCKET, "o", "text").unwrap();
    let about = kit.plain("GET", "/storage/v1/b/tests/o/o", &[], b"").json();
    assert_eq!(about["generation"], generation.to_string());
    assert_eq!(about["md5Hash"], "HLJR7A1WjeapKbUgxK7Y0Q==");
    let stale = format!("/storage/v1/b/tests/o/o?ifGenerationMatch={}", generation - 1);
    let stale = kit.plain("DELETE", &stale, &[], b"");
    assert_eq!((stale.status, &stale.json()["error"]["errors"][0]["reason"]), (412, &"conditionNotMet".into()));
    assert_eq!(kit.plain("DELETE", "/storage/v1/b/tests/o/o", &[], b"").status, 204);
    assert_eq!(kit.plain("DELETE", "/storage/v1/b/tests/o/o", &[], b"").status, 404);
}

#[test]
fn what_is_stored_as_gzip_is_decompressed_for_those_who_do_not_take_it() {
    let kit = Kit::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&bytes(10_000)).unwrap();
    let stored = encoder.finish().unwrap();
    let path = "/upload/storage/v1/b/tests/o?uploadType=media&name=o&contentEncoding=gzip";
    let written = kit.plain("POST", path, &["Content-Type: application/json"], &stored);
    assert_eq!((written.status, &written.json()["contentEncoding"]), (200, &"gzip".into()));
    let path = "/storage/v1/b/tests/o/o?alt=media";
    let raw = kit.plain("GET", path, &["Accept-Encoding: gzip", "Range: bytes=0-9"], b"");
    assert_eq!((raw.status, raw.body.as_slice(), raw.header("content-encoding")), (206, &stored[..10], Some("gzip")));
    // The range is passed over.
    let plain = kit.plain("GET", path, &["Range: bytes=0-9"], b"");
    assert_eq!((plain.status, plain.header("content-encoding")), (200, None));
    assert!(plain.body == bytes(10_000));
    assert_eq!(plain.header("x-goog-stored-content-encoding"), Some("gzip"));
    assert_eq!(plain.header("x-goog-stored-content-length"), Some(stored.len().to_string().as_str()));
}

#[test]
fn an_upload_in_parts_says_how_far_it_is() {
    let kit = Kit::new();
    let path = "/upload/storage/v1/b/tests/o?uploadType=resumable&name=x/y&ifGenerationMatch=0";
    // A host without its port, as Google's own client for Rust sends it.
    let started = kit.plain("POST", path, &["X-Upload-Content-Type: text/csv"], b"{\"metadata\":{\"k\":\"v\"}}");
    let location = started.header("location").unwrap();
    let path = location.strip_prefix(&kit.double.endpoint()).expect("the double's own address").to_owned();
    let put = |range: &str, body: &[u8]| kit.plain("PUT", &path, &[&format!("Content-Range: {range}")], body);
    let all = bytes(262_144 + 10);
    assert_eq!((put("bytes */*", b"").status, put("bytes */*", b"").header("range")), (308, None));
    let first = put("bytes 0-262143/*", &all[..262_144]);
    assert_eq!((first.status, first.header("range")), (308, Some("bytes=0-262143")));
    let gap = put("bytes 262150-262153/262154", &all[262_150..]);
    assert_eq!((gap.status, gap.json()["error"]["message"].as_str().unwrap().contains("exceeds")), (400, true));
    let hash = "X-Goog-Hash: crc32c=AAAAAA==";
    let last = "Content-Range: bytes 262144-262153/262154";
    let done = kit.plain("PUT", &path, &[last], &all[262_144..]);
    assert_eq!((done.status, &done.json()["size"]), (200, &"262154".into()));
    assert_eq!((&done.json()["contentType"], &done.json()["metadata"]["k"]), (&"text/csv".into(), &"v".into()));
    assert!(kit.double.get(BUCKET, "x/y").unwrap() == all);
    assert_eq!(put("bytes */262154", b"").status, 200);

    let path = "/upload/storage/v1/b/tests/o?uploadType=resumable&name=z";
    let location = kit.plain("POST", path, &[], b"").header("location").unwrap().to_owned();
    let path = location.strip_prefix(&kit.double.endpoint()).unwrap();
    assert_eq!(kit.plain("PUT", path, &[hash], &all).status, 400);
    assert_eq!(kit.double.get(BUCKET, "z"), None);
    let path = "/upload/storage/v1/b/tests/o?uploadType=resumable&name=z";
    let location = kit.plain("POST", path, &[], b"").header("location").unwrap().to_owned();
    let path = location.strip_prefix(&kit.double.endpoint()).unwrap();
    assert_eq!(kit.plain("DELETE", path, &[], b"").status, 499);
    assert_eq!(kit.plain("PUT", path, &[], &all).status, 404);
}

#[test]
fn names_that_cannot_be_are_refused() {
    let kit = Kit::new();
    let put = |name: &str| {
        let path = format!("/upload/storage/v1/b/tests/o?uploadType=media&name={name}");
        kit.plain("POST", &path, &[], b"text").status
    };
    assert_eq!((put("a%0Ab"), put(".."), put(&"x".repeat(1_025))), (400, 400, 400));
    assert_eq!((put(&"x".repeat(1_024)), put("")), (200, 400));
}

#[test]
fn an_object_that_was_composed_has_no_md5() {
    let kit = Kit::new();
    let about = About { is_composite: true, content_type: Some("text/csv".into()), ..About::default() };
    kit.double.put_with(BUCKET, "o", "0123456789", about).unwrap();
    let described = kit.plain("GET", "/storage/v1/b/tests/o/o", &[], b"").json();
    assert_eq!((&described["crc32c"], described.get("md5Hash")), (&"KAwGng==".into(), None));
    let read = kit.plain("GET", "/storage/v1/b/tests/o/o?alt=media", &[], b"");
    assert_eq!((read.header("x-goog-hash"), read.header("content-type")), (Some("crc32c=KAwGng=="), Some("text/csv")));
    assert_eq!(kit.read("o").unwrap(), b"0123456789");
}

#[test]
fn a_cut_sends_the_bytes_before_it() {
    let kit = Kit::new();
    kit.double.put(BUCKET, "o", bytes(600_000)).unwrap();
    kit.double.fault(Fault::new(Effect::Cut(500_000)).on(Operation::ReadObject));
    let cut = kit.plain("GET", "/storage/v1/b/tests/o/o?alt=media", &[], b"");
    assert_eq!((cut.status, cut.header("content-length")), (200, Some("600000")));
    assert!(cut.body == bytes(600_000)[..500_000], "{} bytes", cut.body.len());
}

#[test]
fn buckets_are_made_and_described() {
    let kit = Kit::new();
    assert_eq!(kit.plain("POST", "/storage/v1/b?project=p", &[], b"{\"name\":\"new\"}").status, 200);
    assert_eq!(kit.plain("POST", "/storage/v1/b?project=p", &[], b"{\"name\":\"new\"}").status, 409);
    assert_eq!(kit.plain("GET", "/storage/v1/b/new", &[], b"").json()["location"], "US");
    let names = kit.plain("GET", "/storage/v1/b?project=p", &[], b"").json()["items"].as_array().unwrap().len();
    assert_eq!(names, 2);
    let layout = kit.plain("GET", "/storage/v1/b/new/storageLayout", &[], b"").json();
    assert_eq!(layout["hierarchicalNamespace"]["enabled"], false);
    assert_eq!(kit.plain("DELETE", "/storage/v1/b/new", &[], b"").status, 204);
    assert_eq!(kit.plain("GET", "/storage/v1/b/new", &[], b"").status, 404);
    assert_eq!(kit.plain("PATCH", "/storage/v1/b/tests", &[], b"{}").status, 501);
    assert_eq!(kit.double.count(Operation::Other), 1);
}
