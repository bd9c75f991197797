//! `mysql://…`: where the server is, who we are, and how the way there is protected.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

const FORM: &str = "mysql://USER@HOST/DATABASE";
const PORT: u16 = 3306;

/// How the way to the server is protected. The names are those of MySQL's clients,
/// <https://dev.mysql.com/doc/refman/8.4/en/connection-options.html#option_general_ssl-mode>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SslMode {
    /// `DISABLED`: not at all.
    Disabled,
    /// `PREFERRED`: encrypted where the server can, with whomever.
    Preferred,
    /// `REQUIRED`: encrypted, with whomever.
    Required,
    /// `VERIFY_CA`: with a certificate that a trusted authority has signed.
    Authority,
    /// `VERIFY_IDENTITY`: and that is made out to the host that was named.
    Identity,
}

impl SslMode {
    /// Whether the server has to prove who it is.
    pub(super) fn verifies(self) -> bool {
        matches!(self, Self::Authority | Self::Identity)
    }
}

/// An address, understood.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: Option<String>,
    pub(super) database: String,
    pub(super) ssl_mode: SslMode,
    /// Certificates of authorities; the system's where none is named.
    pub(super) authorities: Option<PathBuf>,
    /// A socket of this machine, in the place of host and port.
    pub(super) socket: Option<String>,
    /// For people: `MySQL database reports at db.example:3306`.
    pub(super) place: String,
}

impl Address {
    /// Understands a URL; what is wrong with it otherwise, without its password.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| format!("after the kind comes `//`: {FORM}"))?;
        let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = base.split_once('/').unwrap_or((base, ""));
        let database = decoded("the database's name", database)?;
        if database.is_empty() {
            return Err(format!("it names no database: {FORM}"));
        }
        let (who, server) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = who.split_once(':').map_or((who, None), |(user, password)| (user, Some(password)));
        let user = match decoded("the user's name", user)? {
            user if user.is_empty() => std::env::var("USER").map_err(|_| format!("it names no user: {FORM}"))?,
            user => user,
        };
        let password = match password {
            Some(password) => Some(decoded("the password", password)?),
            None => std::env::var("MYSQL_PWD").ok(),
        };
        let (host, port) = host_and_port(server)?;
        let mut address = Self {
            host,
            port,
            user,
            password,
            database,
            ssl_mode: SslMode::Preferred,
            authorities: None,
            socket: None,
            place: String::new(),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            address.option(pair)?;
        }
        // Who names an authority wants it asked.
        if address.authorities.is_some() && !query.split('&').any(|pair| pair.starts_with("ssl-mode=")) {
            address.ssl_mode = SslMode::Authority;
        }
        if address.host.is_empty() && address.socket.is_none() {
            return Err(format!("it names no host: {FORM}"));
        }
        let kind = if scheme == "mariadb" { "MariaDB" } else { "MySQL" };
        let at = address.socket.clone().unwrap_or_else(|| format!("{server}:{}", address.port));
        let at = if address.socket.is_none() && has_port(server) { server.to_owned() } else { at };
        address.place = format!("{kind} database {} at {at}", address.database);
        Ok(address)
    }

    fn option(&mut self, pair: &str) -> Result<(), String> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(name, value)?;
        match name {
            "ssl-mode" => {
                self.ssl_mode = match value.to_ascii_uppercase().as_str() {
                    "DISABLED" => SslMode::Disabled,
                    "PREFERRED" => SslMode::Preferred,
                    "REQUIRED" => SslMode::Required,
                    "VERIFY_CA" => SslMode::Authority,
                    "VERIFY_IDENTITY" => SslMode::Identity,
                    _ => {
                        return Err(format!(
                            "ssl-mode is DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY, not `{value}`"
                        ));
                    }
                }
            }
            "ssl-ca" if value.is_empty() => return Err("the file is missing: ssl-ca=FILE".into()),
            "ssl-ca" => self.authorities = Some(PathBuf::from(value)),
            "socket" if value.is_empty() => return Err("the file is missing: socket=FILE".into()),
            "socket" => self.socket = Some(value),
            _ => return Err(format!("there is no option `{name}`; the options are ssl-mode, ssl-ca and socket")),
        }
        Ok(())
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} as {}", self.place, self.user)
    }
}

fn decoded(what: &str, text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| format!("{what} is not UTF-8"))?;
    if text.contains('\0') { Err(format!("{what} has a NUL byte")) } else { Ok(text.into_owned()) }
}

fn has_port(server: &str) -> bool {
    server.rsplit_once(':').is_some_and(|(host, _)| !host.starts_with('[') || host.ends_with(']'))
}

/// `HOST`, `HOST:PORT`, `[IPv6]` or `[IPv6]:PORT`.
fn host_and_port(server: &str) -> Result<(String, u16), String> {
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if has_port(server) => {
            (host, port.parse().ok().filter(|p| *p != 0).ok_or("the port is no number from 1 to 65535")?)
        }
        _ => (server, PORT),
    };
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    Ok((decoded("the host's name", host)?, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_told_to_nobody() {
        let url = "mysql://ann:se%20cret@db.example:3307/reports?ssl-mode=verify_ca&ssl-ca=/etc/a%20b.pem";
        let address = Address::parse(url).unwrap();
        assert_eq!(address.place, "MySQL database reports at db.example:3307");
        assert_eq!((address.user.as_str(), address.database.as_str()), ("ann", "reports"));
        assert_eq!((address.host.as_str(), address.port), ("db.example", 3307));
        assert_eq!(address.password.as_deref(), Some("se cret"));
        assert_eq!((address.ssl_mode, address.authorities.clone()), (SslMode::Authority, Some("/etc/a b.pem".into())));
        assert!(!format!("{address:?}").contains("cret"));
    }

    #[test]
    fn an_authority_that_is_named_is_asked() {
        for (options, mode) in [
            ("", SslMode::Preferred),
            ("?ssl-ca=a.pem", SslMode::Authority),
            ("?ssl-ca=a.pem&ssl-mode=REQUIRED", SslMode::Required),
            ("?ssl-mode=verify_identity&ssl-ca=a.pem", SslMode::Identity),
        ] {
            assert_eq!(Address::parse(&format!("mysql://ann@h/d{options}")).unwrap().ssl_mode, mode, "{options}");
        }
    }

    #[test]
    fn hosts_have_many_forms() {
        for (url, host, port, place) in [
            ("mariadb://ann@h/d", "h", 3306, "MariaDB database d at h:3306"),
            ("mysql://ann@[::1]/d", "::1", 3306, "MySQL database d at [::1]:3306"),
            ("mysql://ann@[::1]:1/d", "::1", 1, "MySQL database d at [::1]:1"),
            ("mysql://ann@/d?socket=/run/s", "", 3306, "MySQL database d at /run/s"),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!((address.host.as_str(), address.port, address.place.as_str()), (host, port, place), "{url}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        for (url, part) in [
            ("mysql:ann@h/d", "mysql://USER"),
            ("mysql://ann@/d", "no host"),
            ("mysql://ann@h", "no database"),
            ("mysql://ann@h/d?ssl-mode=sometimes", "VERIFY_IDENTITY"),
            ("mysql://ann:secret@h/d?colour=red", "colour"),
            ("mysql://ann:secret@h:port/d", "port"),
            ("mysql://ann:secret%00@h/d", "NUL"),
            ("mysql://ann@h/d?ssl-ca=", "ssl-ca=FILE"),
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(error.contains(part) && !error.contains("secret"), "{url}: {error}");
        }
    }
}
