//! What a plugin says of itself, checked.

use std::collections::HashSet;

use gristmill_record::Scalar;
use serde_json::Value;

use crate::bindings::schema;
use crate::text::is_unsafe;

/// What a person is told of a plugin, before it is configured.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// As in semantic versioning.
    pub version: String,
    /// One line; may be empty.
    pub summary: String,
    /// What can be set, in the order of the plugin.
    pub config: Vec<Setting>,
}

/// A setting of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Unique in the plugin.
    pub name: String,
    /// `boolean`, `int64`, `float64`, `string`, or `json` for anything else.
    pub ty: Scalar,
    /// Of that type. Absent: whoever runs the plugin must give a value.
    pub default: Option<Value>,
    /// For people; may be empty.
    pub description: String,
}

impl Setting {
    /// Whether a value can stand for this setting.
    pub(crate) fn takes(&self, value: &Value) -> bool {
        match self.ty {
            Scalar::Boolean => value.is_boolean(),
            Scalar::Int64 => value.is_i64(),
            Scalar::Float64 => value.is_number(),
            Scalar::String => value.is_string(),
            Scalar::Json => true,
            _ => false,
        }
    }
}

/// Checks what `identify` returned. The error names the item.
pub(crate) fn check(about: schema::About) -> Result<About, String> {
    let is_name = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !is_name(&about.name) || about.name.len() > 100 {
        return Err("its name must have 1 to 100 letters, digits, `-` and `_`".into());
    }
    if !is_version(&about.version) {
        return Err("its version must be like `1.2.3`, as in semantic versioning".into());
    }
    if about.summary.contains(is_unsafe) {
        return Err("its summary must be one line, without control characters".into());
    }
    let mut names = HashSet::new();
    for field in &about.config {
        if field.name.is_empty() || field.name.contains(is_unsafe) || !names.insert(&field.name) {
            return Err("its settings need names without control characters, each its own".into());
        }
    }
    let config = about.config.into_iter().map(check_setting).collect::<Result<_, _>>()?;
    Ok(About { name: about.name, version: about.version, summary: about.summary, config })
}

fn check_setting(field: schema::ConfigField) -> Result<Setting, String> {
    let ty = crate::describe::scalar(field.type_);
    if !matches!(ty, Scalar::Boolean | Scalar::Int64 | Scalar::Float64 | Scalar::String | Scalar::Json) {
        return Err(format!(
            "the setting `{}` is a {}; a setting is a boolean, int64, float64, string or json",
            field.name,
            ty.name()
        ));
    }
    let default = match &field.default {
        None => None,
        Some(text) => match serde_json::from_str::<Value>(text) {
            Ok(value) => Some(value),
            Err(_) => return Err(format!("the default of the setting `{}` is not JSON", field.name)),
        },
    };
    let setting = Setting { name: field.name, ty, default, description: field.description };
    if setting.default.as_ref().is_some_and(|value| !setting.takes(value)) {
        return Err(format!("the default of the setting `{}` is not of its type, {}", setting.name, ty.name()));
    }
    Ok(setting)
}

/// Three numbers, then `-` or `+` and letters, digits, `-`, `+` and `.`.
fn is_version(text: &str) -> bool {
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let Some((core, rest)) = text.split_at_checked(end) else { return false };
    let numbers: Vec<_> = core.split('.').collect();
    numbers.len() == 3
        && numbers.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        && rest.len() != 1
        && rest.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'))
        && text.len() <= 100
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> schema::About {
        schema::About { name: "a-1".into(), version: "1.0.0".into(), summary: "It maps.".into(), config: Vec::new() }
    }

    fn field(name: &str, type_: schema::Scalar, default: Option<&str>) -> schema::ConfigField {
        schema::ConfigField { name: name.into(), type_, default: default.map(Into::into), description: String::new() }
    }

    #[test]
    fn versions() {
        for good in ["0.0.0", "1.20.3", "1.2.3-rc.1+linux"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "1", "1.2", "1.2.x", "1..2", "1.2.3-", "v1.2.3", "1.2.3 ", "1.2.3-a b"] {
            assert!(!is_version(bad), "{bad}");
        }
    }

    #[test]
    fn names_the_item_at_fault() {
        let with = |change: &dyn Fn(&mut schema::About)| {
            let mut about = about();
            change(&mut about);
            check(about)
        };
        assert!(with(&|_| {}).is_ok());
        assert!(with(&|a| a.name = "a b".into()).unwrap_err().contains("name"));
        assert!(with(&|a| a.version = "new".into()).unwrap_err().contains("version"));
        assert!(with(&|a| a.summary = "two\nlines".into()).unwrap_err().contains("summary"));
        let int = schema::Scalar::Int64;
        assert!(with(&|a| a.config = vec![field("n", int, None), field("n", int, None)]).is_err());
        assert!(
            with(&|a| a.config = vec![field("n", schema::Scalar::Bytes, None)]).unwrap_err().contains("`n` is a bytes")
        );
        for bad in ["1.5", "\"1\"", "not json", "", "99999999999999999999"] {
            let error = with(&|a| a.config = vec![field("n", int, Some(bad))]).unwrap_err();
            assert!(error.contains("default of the setting `n`"), "{bad}: {error}");
        }
    }
}
