//! Runs a double in the foreground, for trying things by hand.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
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
}

fn main() -> ExitCode {
    let done = match Arguments::parse().service {
        Service::Storage { port, buckets } => storage(port, &buckets),
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
    writeln!(io::stdout(), "{}", double.endpoint())?;
    double.serve();
    Ok(())
}
