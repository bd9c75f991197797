//! Tokens and permissions.

use google_cloud_gax::error::rpc::Code;
use gristmill_doubles::storage::Permission;

use crate::kit::{BUCKET, FULL, Kit};

#[test]
fn a_permission_that_is_denied_is_named() {
    let kit = Kit::new();
    kit.double.put(BUCKET, "o", "text").unwrap();
    kit.double.deny(Permission::ObjectsList);
    let status = kit.run(kit.control.list_objects().set_parent(FULL).send()).unwrap_err().status().cloned().unwrap();
    assert_eq!(status.code, Code::PermissionDenied);
    assert!(
        status.message.ends_with(
            "does not have storage.objects.list access to the Google Cloud Storage bucket. \
             Permission 'storage.objects.list' denied on resource (or it may not exist)."
        ),
        "{}",
        status.message
    );
    // Who may not list does not learn what is not there.
    assert_eq!(kit.read("none").unwrap_err().http_status_code(), Some(403));
    assert_eq!(kit.read("o").unwrap(), b"text");
    kit.double.allow(Permission::ObjectsList);
    assert_eq!(kit.read("none").unwrap_err().http_status_code(), Some(404));
    kit.double.deny(Permission::ObjectsGet);
    let denied = kit.read("o").unwrap_err();
    assert_eq!(denied.http_status_code(), Some(403));
    assert!(format!("{denied:?}").contains("storage.objects.get access to the Google Cloud Storage object"));
}

#[test]
fn who_may_not_delete_may_not_write_over() {
    let kit = Kit::new();
    kit.double.deny(Permission::ObjectsDelete);
    for (threshold, name) in [(0_usize, "a"), (1_000, "b")] {
        let write = |text: &'static str| {
            let write = kit.storage.write_object(FULL, name, text).with_resumable_upload_threshold(threshold);
            kit.run(write.send_unbuffered())
        };
        write("one").unwrap();
        let refused = write("two").unwrap_err();
        assert_eq!(refused.http_status_code(), Some(403));
        assert!(refused.to_string().contains("storage.objects.delete"), "{refused}");
        assert_eq!(kit.double.get(BUCKET, name).unwrap(), "one");
    }
}

#[test]
fn a_token_is_demanded() {
    let kit = Kit::new();
    kit.double.put(BUCKET, "o", "text").unwrap();
    kit.double.require_token(Some("secret"));
    assert_eq!(kit.read("o").unwrap_err().http_status_code(), Some(401));
    let listing = kit.run(kit.control.list_objects().set_parent(FULL).send()).unwrap_err();
    assert_eq!(listing.status().unwrap().code, Code::Unauthenticated);
    let path = "/storage/v1/b/tests/o/o";
    let anonymous = kit.plain("GET", path, &[], b"");
    assert_eq!((anonymous.status, &anonymous.json()["error"]["errors"][0]["reason"]), (401, &"required".into()));
    let wrong = kit.plain("GET", path, &["Authorization: Bearer other"], b"");
    assert_eq!((wrong.status, &wrong.json()["error"]["errors"][0]["reason"]), (401, &"authError".into()));
    assert_eq!(kit.plain("GET", path, &["Authorization: Bearer secret"], b"").status, 200);
    kit.double.require_token(None);
    assert_eq!(kit.read("o").unwrap(), b"text");
}
