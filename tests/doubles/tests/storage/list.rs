//! Listing, over gRPC and in JSON.

use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::paginator::ItemPaginator as _;
use google_cloud_storage::Error;
use google_cloud_storage::model::Object;
use gristmill_doubles::storage::Operation;

use crate::kit::{BUCKET, FULL, Kit};

fn names(objects: &[Object]) -> Vec<&str> {
    objects.iter().map(|object| object.name.as_str()).collect()
}

fn list(kit: &Kit, prefix: &str, glob: &str, page: i32) -> Result<Vec<Object>, Error> {
    kit.run(async {
        let request = kit.control.list_objects().set_parent(FULL).set_prefix(prefix);
        let mut items = request.set_match_glob(glob).set_page_size(page).by_item();
        let mut objects = Vec::new();
        while let Some(object) = items.next().await {
            objects.push(object?);
        }
        Ok(objects)
    })
}

fn filled() -> Kit {
    let kit = Kit::new();
    for name in ["e/2/b.ndjson", "e/1/a.ndjson", "e/c.ndjson", "e/d.txt", "f"] {
        kit.double.put(BUCKET, name, name.to_owned()).unwrap();
    }
    kit
}

#[test]
fn pages_of_two_give_all_of_them_in_order() {
    let kit = filled();
    let objects = list(&kit, "", "", 2).unwrap();
    assert_eq!(names(&objects), ["e/1/a.ndjson", "e/2/b.ndjson", "e/c.ndjson", "e/d.txt", "f"]);
    assert_eq!(kit.double.count(Operation::ListObjects), 3);
    let first = &objects[0];
    assert_eq!((first.size, first.bucket.as_str(), first.metageneration), (12, FULL, 1));
    assert_eq!(first.checksums.as_ref().unwrap().crc32c, Some(crc32c::crc32c(b"e/1/a.ndjson")));
    assert!(objects[1].generation < first.generation, "written before");
}

#[test]
fn prefixes_and_globs_choose() {
    let kit = filled();
    assert_eq!(names(&list(&kit, "e/", "", 0).unwrap()).len(), 4);
    assert_eq!(names(&list(&kit, "", "e/*.ndjson", 0).unwrap()), ["e/c.ndjson"]);
    assert_eq!(names(&list(&kit, "", "e/**.ndjson", 2).unwrap()).len(), 3);
    assert_eq!(names(&list(&kit, "e/1", "**.ndjson", 2).unwrap()), ["e/1/a.ndjson"]);
    assert_eq!(names(&list(&kit, "z", "", 2).unwrap()), [""; 0]);
}

#[test]
fn a_write_is_seen_at_once() {
    let kit = filled();
    kit.double.put(BUCKET, "e/0", "").unwrap();
    assert!(kit.double.remove(BUCKET, "f"));
    assert!(!kit.double.remove(BUCKET, "f"));
    assert_eq!(names(&list(&kit, "", "", 0).unwrap())[0], "e/0");
    assert_eq!(list(&kit, "", "", 0).unwrap().len(), 5);
}

#[test]
fn what_cannot_be_listed_is_refused() {
    let kit = filled();
    let listing = kit.run(kit.control.list_objects().set_parent("projects/_/buckets/none").send());
    let status = listing.unwrap_err().status().cloned().unwrap();
    assert_eq!((status.code, status.message.as_str()), (Code::NotFound, "The specified bucket does not exist."));
    let glob = list(&kit, "", "[a", 0).unwrap_err();
    assert_eq!(glob.status().unwrap().code, Code::InvalidArgument);
}

#[test]
fn objects_and_buckets_are_described_and_deleted_over_grpc() {
    let kit = filled();
    kit.run(async {
        let bucket = kit.control.get_bucket().set_name(FULL).send().await.unwrap();
        assert_eq!((bucket.bucket_id.as_str(), bucket.location.as_str()), (BUCKET, "US"));
        let object = kit.control.get_object().set_bucket(FULL).set_object("f").send().await.unwrap();
        assert_eq!((object.name.as_str(), object.size), ("f", 1));
        let delete = || kit.control.delete_object().set_bucket(FULL).set_object("f");
        let stale = delete().set_if_generation_match(object.generation - 1).send().await.unwrap_err();
        assert_eq!(stale.status().unwrap().code, Code::FailedPrecondition);
        delete().set_if_generation_match(object.generation).send().await.unwrap();
        let gone = kit.control.get_object().set_bucket(FULL).set_object("f").send().await.unwrap_err();
        assert_eq!(gone.status().unwrap().code, Code::NotFound);
    });
    assert_eq!(kit.double.get(BUCKET, "f"), None);
    assert_eq!(kit.double.count(Operation::DeleteObject), 2);
}
