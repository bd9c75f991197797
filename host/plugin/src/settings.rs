//! The configuration of a plugin: what the user gives against what the plugin declares.

use serde_json::{Map, Value};

use crate::About;

/// The text that `open` is given: a JSON object with every declared setting, in the order of the plugin, so that it is
/// the same for the same configuration. The error names the setting.
pub(crate) fn resolve(about: &About, given: &Map<String, Value>) -> Result<String, String> {
    if let Some(unknown) = given.keys().find(|name| !about.config.iter().any(|s| s.name == **name)) {
        let known: Vec<_> = about.config.iter().map(|s| format!("`{}`", s.name)).collect();
        let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
        return Err(format!("there is no setting `{}`; {known}", crate::text::tame(unknown, 100)));
    }
    let mut text = String::from("{");
    for setting in &about.config {
        let value = match given.get(&setting.name) {
            Some(value) if setting.takes(value) => value,
            Some(value) => {
                return Err(format!("`{}` is of type {}, not {}", setting.name, setting.ty.name(), kind(value)));
            }
            None => setting.default.as_ref().ok_or_else(|| {
                format!("`{}`, of type {}, has no default and must be given", setting.name, setting.ty.name())
            })?,
        };
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&Value::from(setting.name.as_str()).to_string());
        text.push(':');
        text.push_str(&value.to_string());
    }
    text.push('}');
    Ok(text)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(n) if n.is_f64() => "a number with a fraction",
        Value::Number(_) => "a whole number beyond 64 bits",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use gristmill_record::Scalar;
    use serde_json::json;

    use super::*;
    use crate::Setting;

    fn resolve_in(given: Value) -> Result<String, String> {
        let setting = |name: &str, ty, default| Setting { name: name.into(), ty, default, description: String::new() };
        let about = About {
            name: "p".into(),
            version: "1.0.0".into(),
            summary: String::new(),
            config: vec![
                setting("zone", Scalar::String, Some(json!("a\"b"))),
                setting("limit", Scalar::Int64, None),
                setting("share", Scalar::Float64, Some(json!(0.5))),
                setting("any", Scalar::Json, Some(json!([1]))),
            ],
        };
        resolve(&about, given.as_object().unwrap())
    }

    #[test]
    fn fills_defaults_in_the_order_of_the_plugin() {
        assert_eq!(
            resolve_in(json!({"limit": 7, "share": 1})).unwrap(),
            r#"{"zone":"a\"b","limit":7,"share":1,"any":[1]}"#
        );
    }

    #[test]
    fn names_the_setting_at_fault() {
        for (given, words) in [
            (json!({"limit": 1, "colour": 1}), "no setting `colour`; it has `zone`, `limit`, `share`, `any`"),
            (json!({}), "`limit`, of type int64, has no default"),
            (json!({"limit": 1.5}), "`limit` is of type int64, not a number with a fraction"),
            (json!({"limit": u64::MAX}), "not a whole number beyond 64 bits"),
            (json!({"limit": "1"}), "not a string"),
            (json!({"limit": 1, "zone": null}), "`zone` is of type string, not null"),
        ] {
            let error = resolve_in(given).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
