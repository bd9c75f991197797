//! `postgresql://…`: where the server is, who we are, and how the way there is protected.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// How long to wait for an answer, where the address says nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the network may be silent before the connection counts as lost, where the address says nothing: the systems' own two hours are
/// too long to wait for.
const SILENCE: Duration = Duration::from_secs(60);

/// What the server's certificate has to show. The names are libpq's, <https://www.postgresql.org/docs/current/libpq-ssl.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verify {
    /// Nothing: `disable`, `prefer`, `require`.
    Nothing,
    /// That a trusted authority has signed it: `verify-ca`.
    Authority,
    /// And that it is made out to the host that was named: `verify-full`.
    Host,
}

/// An address, understood.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) verify: Verify,
    /// Certificates of authorities; the system's where none is named.
    pub(super) authorities: Option<PathBuf>,
    /// For people: `PostgreSQL database reports at db.example:5432`.
    pub(super) place: String,
}

impl Address {
    /// Understands a URL; what is wrong with it otherwise, without its password.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut verify, mut authorities, mut rest) = (Verify::Nothing, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", "verify-ca")) => verify = Verify::Authority,
                Some(("sslmode", "verify-full")) => verify = Verify::Host,
                Some(("sslrootcert", "system")) => authorities = None,
                Some(("sslrootcert", file)) => {
                    let file = percent_decode_str(file).decode_utf8().map_err(|_| "sslrootcert is not UTF-8")?;
                    authorities = Some(PathBuf::from(file.into_owned()));
                }
                _ => rest.push(pair),
            }
        }
        let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
        // `/DATABASE` at its end is what most leave out.
        let mut config: Config = format!("{base}{query}").parse().map_err(|e: tokio_postgres::Error| {
            // The library's own words, without the address.
            std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string)
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("it names no host: postgresql://USER@HOST/DATABASE".into());
        }
        if verify != Verify::Nothing {
            config.ssl_mode(SslMode::Require);
        }
        if config.get_user().is_none() {
            let user = std::env::var("PGUSER").or_else(|_| std::env::var("USER"));
            config.user(user.map_err(|_| "it names no user: postgresql://USER@HOST/DATABASE")?);
        }
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name("gristmill");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if !query.contains("keepalives") {
            config.keepalives_idle(SILENCE / 2).keepalives_interval(SILENCE / 8).keepalives_retries(4);
        }
        let place = place(&config);
        Ok(Self { config, verify, authorities, place })
    }

    /// The user's name.
    pub(super) fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    /// The database's name.
    pub(super) fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or(self.user())
    }
}

fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |i: usize| ports.get(i).or(ports.first()).copied().unwrap_or(5432);
    let hosts = config.get_hosts().iter().enumerate().map(|(i, host)| match host {
        Host::Tcp(name) => format!("{name}:{}", port(i)),
        #[cfg(unix)]
        Host::Unix(path) => format!("{}:{}", path.display(), port(i)),
    });
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("PostgreSQL database {database} at {}", hosts.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_told_to_nobody() {
        let address = Address::parse(
            "postgresql://ann:se%20cret@db.example:5433/reports?sslmode=verify-full&sslrootcert=/etc/a%20b.pem",
        );
        let address = address.unwrap();
        assert_eq!(address.place, "PostgreSQL database reports at db.example:5433");
        assert_eq!((address.user(), address.database()), ("ann", "reports"));
        assert_eq!(address.config.get_password(), Some(&b"se cret"[..]));
        assert_eq!((address.verify, address.authorities.clone()), (Verify::Host, Some("/etc/a b.pem".into())));
        assert_eq!(address.config.get_ssl_mode(), SslMode::Require);
        assert!(!format!("{address:?}").contains("cret"));
    }

    #[test]
    fn what_is_missing_is_said() {
        for (url, part) in [
            ("postgresql:///reports", "no host"),
            ("postgresql://ann@h/d?sslmode=sometimes", "sslmode"),
            ("postgresql://ann:secret@h/d?colour=red", "colour"),
            ("postgresql://ann:secret@h:port/d", "port"),
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(error.contains(part) && !error.contains("secret"), "{url}: {error}");
        }
    }
}
