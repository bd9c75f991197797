//! Runs a double in the foreground, for trying things by hand.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use gristmill_doubles::bigquery;
use gristmill_doubles::storage::StorageDouble;

/// Stands in for Google Cloud services on this machine. The first line of the output is the address.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    service: Service,
}

#[derive(Debug, Subcommand)]
enum Service {
    /// Cloud Storage: the JSON interface, and gRPC for listings.
    Storage {
        /// The port of 127.0.0.1 to listen at; 0 for a free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// A bucket, and the folder whose files become its objects.
        #[arg(long = "bucket", value_name = "NAME[=DIR]")]
        buckets: Vec<String>,
    },
    /// BigQuery, and beside it Cloud Storage, which load jobs read; the second line of the output is the address of that.
    Bigquery {
        /// The port of 127.0.0.1 to listen at; 0 for a free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// A project, or a dataset of one, that is there from the beginning.
        #[arg(long = "dataset", value_name = "PROJECT[.DATASET]")]
        datasets: Vec<String>,
        /// A bucket, and the folder whose files become its objects.
        #[arg(long = "bucket", value_name = "NAME[=DIR]")]
        buckets: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().service {
        Service::Storage { port, buckets } => storage(port, &buckets),
        Service::Bigquery { port, datasets, buckets } => bigquery(port, datasets, &buckets),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where this cannot be written, there is nobody to tell.
            _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn storage(port: u16, buckets: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let double = filled(port, buckets)?;
    writeln!(io::stdout(), "{}", double.endpoint())?;
    double.serve();
    Ok(())
}

fn bigquery(port: u16, datasets: Vec<String>, buckets: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let storage = filled(0, buckets)?;
    let options = bigquery::Options { port, datasets };
    let addresses = |own: &str| {
        // Where this cannot be written, there is nobody to tell.
        _ = writeln!(io::stdout(), "{own}\n{}", storage.endpoint());
    };
    bigquery::serve_forever(&options, Arc::new(storage.objects()), addresses)?;
    Ok(())
}

/// Cloud Storage with buckets, and files of folders in them.
fn filled(port: u16, buckets: &[String]) -> Result<StorageDouble, Box<dyn std::error::Error>> {
    let double = StorageDouble::start_at(port)?;
    for bucket in buckets {
        let (name, folder) = match bucket.split_once('=') {
            Some((name, folder)) => (name, Some(PathBuf::from(folder))),
            None => (bucket.as_str(), None),
        };
        double.create_bucket(name);
        if let Some(folder) = folder {
            double.put_folder(name, "", &folder)?;
        }
    }
    Ok(double)
}
