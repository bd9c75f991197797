//! Who may do what.

use std::collections::BTreeSet;

use super::operation::Permission;
use super::refusal::Refusal;

/// The caller that a refusal names.
const CALLER: &str = "tester@example.iam.gserviceaccount.com";

/// Whom the double lets in: everybody, until a test says otherwise.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    /// The only token that is valid; nothing for no need of one.
    pub(crate) token: Option<String>,
    pub(crate) denied: BTreeSet<Permission>,
}

impl Access {
    /// Whether a request with this `Authorization` may do what needs `permission`; nothing for what needs none.
    pub(crate) fn check(&self, authorization: Option<&str>, permission: Option<Permission>) -> Result<(), Refusal> {
        if let Some(token) = &self.token {
            let wanted = permission.unwrap_or(Permission::ObjectsCreate);
            let given = authorization.ok_or_else(|| Refusal::anonymous(wanted.name(), wanted.noun()))?;
            if given.strip_prefix("Bearer ") != Some(token) {
                return Err(Refusal::invalid_token());
            }
        }
        permission.map_or(Ok(()), |permission| self.need(permission))
    }

    /// Refuses what the caller lacks the permission for.
    pub(crate) fn need(&self, permission: Permission) -> Result<(), Refusal> {
        match self.denied.contains(&permission) {
            true => Err(Refusal::denied(CALLER, permission.name(), permission.noun())),
            false => Ok(()),
        }
    }
}
