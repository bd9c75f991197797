//! What a client can ask for: the names by which a test counts requests, and picks those that go wrong.

/// Kinds of requests. One kind, whichever of the two interfaces it came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Buckets of a project.
    ListBuckets,
    /// A new bucket.
    CreateBucket,
    /// What is known of a bucket.
    GetBucket,
    /// Where a bucket lies, and whether it has folders, which it has not.
    GetLayout,
    /// An empty bucket goes.
    DeleteBucket,
    /// One page of the objects of a bucket.
    ListObjects,
    /// What is known of an object.
    GetObject,
    /// Bytes of an object.
    ReadObject,
    /// A whole object written in one request.
    InsertObject,
    /// The beginning of an upload in parts.
    StartUpload,
    /// Bytes of an upload in parts; the last ones make the object.
    UploadPart,
    /// How far an upload in parts has come.
    QueryUpload,
    /// An upload in parts is given up.
    CancelUpload,
    /// An object goes.
    DeleteObject,
    /// What the double does not know.
    Other,
}

/// Permissions that the service asks of a caller: <https://cloud.google.com/storage/docs/access-control/iam-json>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// `storage.buckets.list`
    BucketsList,
    /// `storage.buckets.create`
    BucketsCreate,
    /// `storage.buckets.get`
    BucketsGet,
    /// `storage.buckets.delete`
    BucketsDelete,
    /// `storage.objects.list`
    ObjectsList,
    /// `storage.objects.get`
    ObjectsGet,
    /// `storage.objects.create`
    ObjectsCreate,
    /// `storage.objects.delete`, which writing over an object needs as well.
    ObjectsDelete,
}

impl Permission {
    /// The name the service gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BucketsList => "storage.buckets.list",
            Self::BucketsCreate => "storage.buckets.create",
            Self::BucketsGet => "storage.buckets.get",
            Self::BucketsDelete => "storage.buckets.delete",
            Self::ObjectsList => "storage.objects.list",
            Self::ObjectsGet => "storage.objects.get",
            Self::ObjectsCreate => "storage.objects.create",
            Self::ObjectsDelete => "storage.objects.delete",
        }
    }

    /// What the service says it was denied on.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::BucketsList | Self::BucketsCreate => "project",
            Self::BucketsGet | Self::BucketsDelete | Self::ObjectsList => "bucket",
            Self::ObjectsGet | Self::ObjectsCreate | Self::ObjectsDelete => "object",
        }
    }
}

impl Operation {
    /// The permission it needs; nothing where the beginning of the upload has been allowed.
    pub(crate) fn permission(self) -> Option<Permission> {
        match self {
            Self::ListBuckets => Some(Permission::BucketsList),
            Self::CreateBucket => Some(Permission::BucketsCreate),
            Self::GetBucket => Some(Permission::BucketsGet),
            Self::DeleteBucket => Some(Permission::BucketsDelete),
            Self::GetLayout | Self::ListObjects => Some(Permission::ObjectsList),
            Self::GetObject | Self::ReadObject => Some(Permission::ObjectsGet),
            Self::InsertObject | Self::StartUpload => Some(Permission::ObjectsCreate),
            Self::DeleteObject => Some(Permission::ObjectsDelete),
            Self::UploadPart | Self::QueryUpload | Self::CancelUpload | Self::Other => None,
        }
    }
}
