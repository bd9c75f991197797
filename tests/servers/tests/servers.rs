//! Each server starts, answers over the network, and is gone with its files when it is dropped.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::TcpStream;

use gristmill_servers::{Certificates, MariaDb, MariaDbOptions, Postgres, PostgresOptions};

#[test]
fn postgresql_answers_and_goes() {
    let certificates = Certificates::new();
    let options = PostgresOptions { certificates: Some(&certificates), ..PostgresOptions::default() };
    for server in [Postgres::start(), Postgres::start_with(&options)] {
        assert_eq!(server.sql("postgres", "SELECT 'Größe'").unwrap(), "Größe");
        assert!(server.sql("postgres", "SELECT nothing").unwrap_err().contains("nothing"));
        let (port, folder) = (server.port(), server.folder().to_owned());
        TcpStream::connect(("127.0.0.1", port)).unwrap();
        drop(server);
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err() && !folder.exists());
    }
}

#[test]
fn mariadb_answers_and_goes() {
    let certificates = Certificates::new();
    let options = MariaDbOptions { certificates: Some(&certificates), ..MariaDbOptions::default() };
    for server in [MariaDb::start(), MariaDb::start_with(&options)] {
        assert_eq!(server.sql("", "SELECT 'Größe'").unwrap(), "Größe");
        assert!(server.sql("", "SELECT nothing").unwrap_err().contains("nothing"));
        let (port, folder) = (server.port(), server.folder().to_owned());
        TcpStream::connect(("127.0.0.1", port)).unwrap();
        drop(server);
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err() && !folder.exists());
    }
}
