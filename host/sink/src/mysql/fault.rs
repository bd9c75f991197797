//! What the server says, told as its reader needs it. Answers about data may hold values of rows: of those only the code and names are shown.

use mysql_async::{DriverError, Error, ServerError};

use super::address::{Address, SslMode};
use crate::{FaultKind, ServerFault, SinkError};

/// Where errors happen.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) place: &'a str,
}

const AGAIN: &str = "Nothing was loaded, as all of a load is one transaction. See that the server runs, and run the same command again.";
const RIGHTS: &str = "Have the right granted (GRANT SELECT, INSERT, UPDATE, CREATE, CREATE TEMPORARY TABLES ON DATABASE.* TO USER), or connect as a user who has it. CREATE is for tables that are missing.";
const LOG: &str = "The server's log may say more; nothing was loaded.";

impl Context<'_> {
    /// The error for a call that failed.
    pub(super) fn error(self, doing: &str, error: &Error) -> SinkError {
        match error {
            Error::Server(answer) => {
                let (kind, what, remedy) = answered(answer);
                self.fault(doing, what, Some(answer.code), kind, remedy)
            }
            Error::Driver(DriverError::PacketTooLarge) => {
                let (what, remedy) = too_large();
                self.fault(doing, what, None, FaultKind::Refused, remedy)
            }
            // The client's own refusal, before anything is sent.
            _ if innermost(error).contains("max_allowed_packet") => {
                let (what, remedy) = too_large();
                self.fault(doing, what, None, FaultKind::Refused, remedy)
            }
            _ => self.fault(doing, innermost(error), None, FaultKind::Lost, AGAIN.to_owned()),
        }
    }

    /// The error for a connection that was not made.
    pub(super) fn connecting(self, address: &Address, error: &Error) -> SinkError {
        let doing = format!("connecting as {}", address.user);
        let (kind, what, remedy) = match error {
            Error::Server(answer) => connecting_answered(address, answer),
            Error::Io(mysql_async::IoError::Tls(e)) => (FaultKind::Tls, e.to_string(), CERTIFICATE.to_owned()),
            Error::Io(mysql_async::IoError::Io(e)) if is_tls(e) => {
                let nameless = address.ssl_mode == SslMode::Authority && e.to_string().contains("not valid for any names");
                (FaultKind::Tls, e.to_string(), if nameless { NAMELESS } else { CERTIFICATE }.to_owned())
            }
            Error::Driver(DriverError::NoClientSslFlagFromServer) => (
                FaultKind::Tls,
                "the server does not speak TLS".to_owned(),
                "Give the server a certificate (ssl_cert, ssl_key), or say ssl-mode=DISABLED where the way to it is trusted.".to_owned(),
            ),
            Error::Driver(DriverError::UnknownAuthPlugin { name }) => (
                FaultKind::Login,
                format!("the server proves users by {name}, which is not known here"),
                format!("Have another way of authentication given to the user {}, such as caching_sha2_password, ed25519's elder mysql_native_password, or connect as another user.", address.user),
            ),
            Error::Driver(_) => (FaultKind::Refused, innermost(error), LOG.to_owned()),
            _ => (FaultKind::Unreachable, innermost(error), NO_ANSWER.to_owned()),
        };
        let code = if let Error::Server(answer) = error { Some(answer.code) } else { None };
        self.fault(&doing, what, code, kind, remedy)
    }

    /// The error for an address that does not answer at all.
    pub(super) fn silent(self, address: &Address) -> SinkError {
        let doing = format!("connecting as {}", address.user);
        self.fault(&doing, "no answer in time".into(), None, FaultKind::Unreachable, NO_ANSWER.into())
    }

    pub(super) fn fault(
        self,
        doing: &str,
        what: String,
        code: Option<u16>,
        kind: FaultKind,
        remedy: String,
    ) -> SinkError {
        SinkError::from(ServerFault {
            place: self.place.to_owned(),
            doing: doing.to_owned(),
            what,
            code: code.map(|c| format!("error {c}")),
            kind,
            remedy,
        })
    }
}

const NO_ANSWER: &str = "Check host and port, that the server runs, and that nothing on the way (a firewall, a proxy that is needed) is in between.";
const CERTIFICATE: &str = "Check what the server's certificate is made out to and who signed it: ssl-ca=FILE names the authority, ssl-mode=VERIFY_CA leaves the host's name out, ssl-mode=REQUIRED verifies nothing.";

const NAMELESS: &str = "Give the server a certificate that names it (subjectAltName): without a name none can be verified here, not even by ssl-mode=VERIFY_CA. ssl-mode=REQUIRED verifies nothing.";

/// Whether an error of the connection is one of TLS.
fn is_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|e| e.is::<rustls::Error>())
}

fn innermost(error: &Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn too_large() -> (String, String) {
    (
        "a statement or a value is larger than the server takes (max_allowed_packet)".to_owned(),
        "Raise max_allowed_packet of the server (SET GLOBAL max_allowed_packet = 1073741824), and run the same command again; nothing was loaded.".to_owned(),
    )
}

fn connecting_answered(address: &Address, answer: &ServerError) -> (FaultKind, String, String) {
    let (user, database) = (&address.user, &address.database);
    let message = || answer.message.clone();
    match answer.code {
        1045 | 1698 | 1130 => (
            FaultKind::Login,
            message(),
            format!(
                "Check the user {user} and the password: in the address, or in MYSQL_PWD, which other users of the machine cannot see. The server tells users by the host they come from, too (CREATE USER '{user}'@'HOST'), and may take encrypted connections only (ssl-mode=REQUIRED)."
            ),
        ),
        1049 => (
            FaultKind::Missing,
            message(),
            format!("Create it (CREATE DATABASE `{}`), or correct the address.", database.replace('`', "``")),
        ),
        // MySQL and MariaDB: require_secure_transport.
        3159 | 4152 => (
            FaultKind::Tls,
            "the server takes encrypted connections only".to_owned(),
            "Say ssl-mode=REQUIRED, or ssl-mode=VERIFY_IDENTITY with ssl-ca=FILE.".to_owned(),
        ),
        _ => answered(answer),
    }
}

/// Codes: <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>, <https://mariadb.com/kb/en/mariadb-error-code-reference/>.
fn answered(answer: &ServerError) -> (FaultKind, String, String) {
    let message = || answer.message.clone();
    let column = || after(&answer.message, "column ");
    let no_space = || ["errno: 28 ", "Errcode: 28 ", "error 28 "].iter().any(|part| answer.message.contains(part));
    match answer.code {
        1044 | 1142 | 1143 | 1227 | 1370 | 1410 => (FaultKind::Right, message(), RIGHTS.to_owned()),
        1290 | 1792 | 1836 => (
            FaultKind::Right,
            "the server is read-only".to_owned(),
            "Connect to the server that is written to and not to a replica, or turn read_only off; nothing was loaded.".to_owned(),
        ),
        1021 | 1114 => (FaultKind::Full, message(), FULL.to_owned()),
        // Files of temporary tables and of sorting, and storage engines, give the system's number.
        3 | 20 | 1004..=1007 | 1016 | 1025 | 1026 | 1030 if no_space() => (FaultKind::Full, message(), FULL.to_owned()),
        // What is left of a temporary table that the disk had no room for.
        126 | 1034 | 1194 | 1195 => (FaultKind::Full, "a temporary table is broken, as it is when the disk of tmpdir is full".to_owned(), FULL.to_owned()),
        1040 | 1203 | 1226 => (
            FaultKind::Busy,
            message(),
            "Wait until others have disconnected, or raise max_connections, and run the same command again.".to_owned(),
        ),
        1205 => (
            FaultKind::Busy,
            "another program holds a lock on rows or a table of this load".to_owned(),
            "Wait until it is done (SHOW PROCESSLIST, information_schema.INNODB_TRX), and run the same command again; nothing was loaded.".to_owned(),
        ),
        1213 | 3058 => (
            FaultKind::Busy,
            "another program and this load waited for each other (a deadlock)".to_owned(),
            "Run the same command again; nothing was loaded.".to_owned(),
        ),
        1053 | 1077 | 1079 | 1080 | 1152 | 1153 | 1158..=1161 | 1184 | 1317 | 1927 | 2006 | 2013 | 4031 => match answer.code {
            1153 => {
                let (what, remedy) = too_large();
                (FaultKind::Refused, what, remedy)
            }
            _ => (FaultKind::Lost, message(), AGAIN.to_owned()),
        },
        1969 | 3024 => (
            FaultKind::Busy,
            "the statement took longer than the server allows".to_owned(),
            "Raise max_statement_time for this user, and run the same command again; nothing was loaded.".to_owned(),
        ),
        1104 | 1146 | 1054 | 1091 | 1051 | 1412 => (
            FaultKind::Refused,
            message(),
            "See whether the table was changed while the load ran, and run the same command again; nothing was loaded.".to_owned(),
        ),
        1062 | 1586 | 1022 => (
            FaultKind::Refused,
            format!("rows repeat a value that must be unique{}", after(&answer.message, "key ").map(|k| format!(" (index {k})")).unwrap_or_default()),
            "Have the plugin refuse such rows, or drop the index; nothing was loaded.".to_owned(),
        ),
        1048 | 1364 => (
            FaultKind::Refused,
            message(),
            "Compare the table's columns with the plugin's (gristmill plan), and look for triggers; nothing was loaded.".to_owned(),
        ),
        // Constraints: these name the constraint and the table.
        1216 | 1217 | 1451 | 1452 | 3819 | 4025 => (
            FaultKind::Refused,
            message(),
            "Have the plugin refuse such rows, or change the constraint; nothing was loaded.".to_owned(),
        ),
        1118 | 1060 | 1070 | 1071 | 1117 | 1059 | 1103 | 1005 | 1050 | 1007 | 1064 | 1148 | 1193 | 1231 | 1235 | 1286 | 1665 | 3161 | 3750 | 3948 | 4166 | 4047 => {
            (FaultKind::Refused, message(), LOG.to_owned())
        }
        // Of others the text may name a value.
        _ => (
            FaultKind::Refused,
            column().map_or("the server refused it".to_owned(), |c| format!("a value of column {c} was refused")),
            "The number of the error says why. Compare the table's columns with the plugin's (gristmill plan), and look for triggers and checks; nothing was loaded.".to_owned(),
        ),
    }
}

const FULL: &str = "Free space on the server's disk (its data directory, or tmpdir for rows that are staged) and run the same command again; nothing was loaded.";

/// The name that stands in a message behind the last such word, up to the row's number. Values stand before it.
fn after<'a>(message: &'a str, word: &str) -> Option<&'a str> {
    let at = message.rfind(word)?;
    let name = message.get(at + word.len()..)?;
    let name = name.split(" at row").next().unwrap_or(name);
    let name = name.rsplit("`.`").next().unwrap_or(name).trim_matches(['\'', '`', '"']);
    (!name.is_empty() && name.len() <= 200).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: u16, message: &str) -> (FaultKind, String) {
        let answer = ServerError { code, message: message.to_owned(), state: "HY000".to_owned() };
        let (kind, what, remedy) = answered(&answer);
        assert!(!remedy.is_empty());
        (kind, what)
    }

    #[test]
    fn values_of_rows_are_told_to_nobody() {
        for (code, message, part) in [
            (1062, "Duplicate entry 'secret for key x' for key 'PRIMARY'", "(index PRIMARY)"),
            (1366, "Incorrect integer value: 'secret' for column `d`.`t`.`c` at row 3", "of column c"),
            (1406, "Data too long for column 'c' at row 1", "of column c"),
            (1292, "Incorrect datetime value: 'secret' for column `d`.`t`.`at` at row 1", "of column at"),
            (1526, "Table has no partition for value secret", "refused it"),
            (1644, "secret", "refused it"),
            (1690, "BIGINT value is out of range in 'secret'", "refused it"),
        ] {
            let (kind, what) = told(code, message);
            assert!(kind == FaultKind::Refused && what.contains(part) && !what.contains("secret"), "{code}: {what}");
        }
    }

    #[test]
    fn codes_have_their_kind() {
        for (code, message, kind) in [
            (1142, "INSERT command denied to user 'ann'@'h' for table `d`.`t`", FaultKind::Right),
            (1114, "The table 't' is full", FaultKind::Full),
            (1030, "Got error 28 \"No space left on device\" from storage engine InnoDB", FaultKind::Full),
            (1005, "Can't create table `q`.`t` (errno: 28 \"No space left on device\")", FaultKind::Full),
            (3, "Error writing file '/tmp/x' (Errcode: 28 \"No space left on device\")", FaultKind::Full),
            (1030, "Got error 1 \"Operation not permitted\" from storage engine InnoDB", FaultKind::Refused),
            (1205, "Lock wait timeout exceeded", FaultKind::Busy),
            (1213, "Deadlock found", FaultKind::Busy),
            (1040, "Too many connections", FaultKind::Busy),
            (1290, "The MariaDB server is running with the --read-only option", FaultKind::Right),
            (1153, "Got a packet bigger than 'max_allowed_packet' bytes", FaultKind::Refused),
            (1927, "Connection was killed", FaultKind::Lost),
        ] {
            assert_eq!(told(code, message).0, kind, "{code}");
        }
    }
}
