//! What PostgreSQL says, told as its reader needs it. Only the text and the code of an answer are used: its details may hold values of rows.

use tokio_postgres::error::{DbError, SqlState};

use super::address::Address;
use crate::{FaultKind, ServerFault, SinkError};

/// Where errors happen.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) place: &'a str,
}

impl Context<'_> {
    /// The error for a call that failed.
    pub(super) fn error(self, doing: &str, error: &tokio_postgres::Error) -> SinkError {
        let (kind, what, remedy) = match error.as_db_error() {
            Some(answer) => answered(answer),
            None => (FaultKind::Lost, innermost(error), AGAIN.to_owned()),
        };
        self.fault(doing, what, error.code(), kind, remedy)
    }

    /// The error for a commit whose answer was lost, and of which the server cannot be asked.
    pub(super) fn undecided(self, error: &tokio_postgres::Error) -> SinkError {
        let what = format!("{}; whether the load was committed is not known", innermost(error));
        let remedy =
            "See that the server runs, and run the same command again: rows that were loaded are not loaded twice.";
        self.fault("committing", what, None, FaultKind::Lost, remedy.to_owned())
    }

    /// The error for a connection that was not made.
    pub(super) fn connecting(self, address: &Address, error: &tokio_postgres::Error) -> SinkError {
        let user = address.user();
        let (kind, what, remedy) = match error.as_db_error() {
            Some(answer) => match answer.code() {
                code if [&SqlState::INVALID_PASSWORD, &SqlState::INVALID_AUTHORIZATION_SPECIFICATION]
                    .contains(&code) =>
                {
                    let remedy = if answer.message().contains("no encryption") {
                        "The server takes encrypted connections only: say sslmode=require, or sslmode=verify-full with sslrootcert=FILE.".to_owned()
                    } else {
                        format!(
                            "Check the user {user} and the password: in the address, or in PGPASSWORD, which other users of the machine cannot see. The server's pg_hba.conf says who may connect from where."
                        )
                    };
                    (FaultKind::Login, answer.message().to_owned(), remedy)
                }
                &SqlState::INVALID_CATALOG_NAME => {
                    let remedy = format!("Create it (createdb {}), or correct the address.", address.database());
                    (FaultKind::Missing, answer.message().to_owned(), remedy)
                }
                _ => answered(answer),
            },
            None => {
                let what = innermost(error);
                let text = error.to_string();
                if text.contains("TLS") {
                    let remedy = "Check what the server's certificate is made out to and who signed it: sslrootcert=FILE names the authority, sslmode=verify-ca leaves the host's name out, sslmode=require verifies nothing. A server without TLS takes sslmode=disable.";
                    (FaultKind::Tls, what, remedy.to_owned())
                } else if text.contains("password missing") || what.contains("password missing") {
                    (
                        FaultKind::Login,
                        "the server asks for a password, and none was given".to_owned(),
                        format!("Give the password of {user} in PGPASSWORD, or in the address."),
                    )
                } else {
                    (FaultKind::Unreachable, what, "Check host and port, that the server runs, and that nothing on the way (a firewall, a proxy that is needed) is in between.".to_owned())
                }
            }
        };
        let doing = format!("connecting as {user}");
        self.fault(&doing, what, error.code(), kind, remedy)
    }

    pub(super) fn fault(
        self,
        doing: &str,
        what: String,
        code: Option<&SqlState>,
        kind: FaultKind,
        remedy: String,
    ) -> SinkError {
        SinkError::from(ServerFault {
            place: self.place.to_owned(),
            doing: doing.to_owned(),
            what,
            code: code.map(|c| format!("SQLSTATE {}", c.code())),
            kind,
            remedy,
        })
    }
}

const AGAIN: &str = "Nothing was loaded, as all of a load is one transaction. See that the server runs, and run the same command again.";

fn innermost(error: &tokio_postgres::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// Classes and codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn answered(answer: &DbError) -> (FaultKind, String, String) {
    let message = || answer.message().to_owned();
    let code = answer.code().code();
    let table = answer.table().map(|t| format!(" of table {t}")).unwrap_or_default();
    match (code.get(..2).unwrap_or_default(), code) {
        (_, "42501") => (FaultKind::Right, message(), "Have the right granted (GRANT), or connect as a user who has it; a load needs SELECT, INSERT and UPDATE on its tables, CREATE on the schema where a table is missing, and TEMPORARY on the database.".to_owned()),
        (_, "53100") => (FaultKind::Full, message(), "Free space on the server's disk and run the same command again; nothing was loaded.".to_owned()),
        (_, "53300") => (FaultKind::Busy, message(), "Wait until others have disconnected, or raise max_connections, and run the same command again.".to_owned()),
        (_, "55P03") => (FaultKind::Busy, "another program holds a lock on a table of this load".to_owned(), "Wait until the other load is done (pg_stat_activity shows it), and run the same command again; nothing was loaded.".to_owned()),
        ("40", _) => (FaultKind::Busy, message(), "Run the same command again; nothing was loaded.".to_owned()),
        ("57", _) | ("08", _) => (FaultKind::Lost, message(), AGAIN.to_owned()),
        // Its text may name a value.
        ("22", _) => (
            FaultKind::Refused,
            format!("a value{}{table} was refused", answer.column().map(|c| format!(" of column {c}")).unwrap_or_default()),
            "Compare the table's columns with the plugin's (gristmill plan), and look for triggers and checks; nothing was loaded.".to_owned(),
        ),
        ("23", _) => (
            FaultKind::Refused,
            match answer.constraint() {
                Some(constraint) => format!("rows break the constraint {constraint}{table}"),
                None => format!("rows break a constraint{table}"),
            },
            "Have the plugin refuse such rows, or change the constraint; nothing was loaded.".to_owned(),
        ),
        ("42", _) => (FaultKind::Refused, message(), "See whether the table was changed while the load ran, and run the same command again; nothing was loaded.".to_owned()),
        _ => (FaultKind::Refused, message(), "The server's log may say more; nothing was loaded.".to_owned()),
    }
}
