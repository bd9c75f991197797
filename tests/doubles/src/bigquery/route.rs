//! Paths of the API to its methods.

use super::http::Request;

/// A method of the API, with what its path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    Discovery,
    ProjectsList,
    DatasetsList {
        project: String,
    },
    DatasetsInsert {
        project: String,
    },
    DatasetsGet {
        project: String,
        dataset: String,
    },
    DatasetsPatch {
        project: String,
        dataset: String,
    },
    DatasetsDelete {
        project: String,
        dataset: String,
    },
    TablesList {
        project: String,
        dataset: String,
    },
    TablesInsert {
        project: String,
        dataset: String,
    },
    TablesGet {
        project: String,
        dataset: String,
        table: String,
    },
    TablesPatch {
        project: String,
        dataset: String,
        table: String,
        whole: bool,
    },
    TablesDelete {
        project: String,
        dataset: String,
        table: String,
    },
    Rows {
        project: String,
        dataset: String,
        table: String,
    },
    JobsList {
        project: String,
    },
    JobsInsert {
        project: String,
    },
    JobsGet {
        project: String,
        job: String,
    },
    JobsCancel {
        project: String,
        job: String,
    },
    JobsQuery {
        project: String,
    },
    JobsResults {
        project: String,
        job: String,
    },
    /// A piece of a resumable upload, or a question of how far it is.
    UploadPiece {
        project: String,
    },
    UploadStart {
        project: String,
    },
}

impl Call {
    /// What the request asks for. `None`: no method that is known here.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let upload = matches!(path.first(), Some(&"upload") | Some(&"resumable"));
        let path = path.strip_prefix(&["resumable"]).unwrap_or(&path);
        let path = path.strip_prefix(&["upload"]).unwrap_or(path);
        if matches!(path, ["$discovery", "rest"] | ["discovery", "v1", "apis", "bigquery", "v2", "rest"]) {
            return Some(Self::Discovery);
        }
        let path = path.strip_prefix(&["bigquery", "v2"])?.strip_prefix(&["projects"])?;
        let own = |text: &str| text.to_owned();
        let verb = request.verb.as_str();
        if upload {
            let [project, "jobs"] = path else { return None };
            let project = own(project);
            return match (verb, request.param("uploadType")) {
                ("POST", Some("multipart")) => Some(Self::JobsInsert { project }),
                ("POST", Some("resumable")) => Some(Self::UploadStart { project }),
                ("PUT", _) => Some(Self::UploadPiece { project }),
                _ => None,
            };
        }
        Some(match (verb, path) {
            ("GET", []) => Self::ProjectsList,
            ("GET", [project, "datasets"]) => Self::DatasetsList { project: own(project) },
            ("POST", [project, "datasets"]) => Self::DatasetsInsert { project: own(project) },
            ("GET", [project, "jobs"]) => Self::JobsList { project: own(project) },
            ("POST", [project, "jobs"]) => Self::JobsInsert { project: own(project) },
            ("GET", [project, "jobs", job]) => Self::JobsGet { project: own(project), job: own(job) },
            ("POST", [project, "jobs", job, "cancel"]) => Self::JobsCancel { project: own(project), job: own(job) },
            ("POST", [project, "queries"]) => Self::JobsQuery { project: own(project) },
            ("GET", [project, "queries", job]) => Self::JobsResults { project: own(project), job: own(job) },
            (_, [project, "datasets", dataset, rest @ ..]) => {
                let (project, dataset) = (own(project), own(dataset));
                match (verb, rest) {
                    ("GET", []) => Self::DatasetsGet { project, dataset },
                    ("PATCH" | "PUT", []) => Self::DatasetsPatch { project, dataset },
                    ("DELETE", []) => Self::DatasetsDelete { project, dataset },
                    ("GET", ["tables"]) => Self::TablesList { project, dataset },
                    ("POST", ["tables"]) => Self::TablesInsert { project, dataset },
                    ("GET", ["tables", table]) => Self::TablesGet { project, dataset, table: own(table) },
                    ("PATCH" | "PUT", ["tables", table]) => {
                        Self::TablesPatch { project, dataset, table: own(table), whole: verb == "PUT" }
                    }
                    ("DELETE", ["tables", table]) => Self::TablesDelete { project, dataset, table: own(table) },
                    ("GET", ["tables", table, "data"]) => Self::Rows { project, dataset, table: own(table) },
                    _ => return None,
                }
            }
            _ => return None,
        })
    }

    /// The name in the reference of the API.
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::ProjectsList => "projects.list",
            Self::DatasetsList { .. } => "datasets.list",
            Self::DatasetsInsert { .. } => "datasets.insert",
            Self::DatasetsGet { .. } => "datasets.get",
            Self::DatasetsPatch { .. } => "datasets.patch",
            Self::DatasetsDelete { .. } => "datasets.delete",
            Self::TablesList { .. } => "tables.list",
            Self::TablesInsert { .. } => "tables.insert",
            Self::TablesGet { .. } => "tables.get",
            Self::TablesPatch { whole: false, .. } => "tables.patch",
            Self::TablesPatch { whole: true, .. } => "tables.update",
            Self::TablesDelete { .. } => "tables.delete",
            Self::Rows { .. } => "tabledata.list",
            Self::JobsList { .. } => "jobs.list",
            Self::JobsInsert { .. } => "jobs.insert",
            Self::JobsGet { .. } => "jobs.get",
            Self::JobsCancel { .. } => "jobs.cancel",
            Self::JobsQuery { .. } => "jobs.query",
            Self::JobsResults { .. } => "jobs.getQueryResults",
            // The job begins when the last piece is there, so that is the request that faults of jobs.insert befall.
            Self::UploadPiece { .. } => "upload.piece",
            Self::UploadStart { .. } => "upload.start",
        }
    }

    /// `dataset.table` of the path.
    pub(crate) fn table(&self) -> Option<String> {
        match self {
            Self::TablesGet { dataset, table, .. }
            | Self::TablesPatch { dataset, table, .. }
            | Self::TablesDelete { dataset, table, .. }
            | Self::Rows { dataset, table, .. } => Some(format!("{dataset}.{table}")),
            _ => None,
        }
    }
}
