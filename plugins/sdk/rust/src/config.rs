//! Settings of a plugin.

use crate::__private::{RunContext, Scalar};
use crate::{Json, Timestamp, json};

/// What is the same for every record of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Context<C = ()> {
    /// The plugin's settings.
    pub config: C,
    /// Names the run.
    pub run_id: String,
    /// The one time that a run knows, and a rerun of it has the same.
    pub started_at: Timestamp,
}

/// Settings of a plugin, by `#[derive(Config)]`; `()` is none.
pub trait Config: Sized + Send + Sync + 'static {
    /// What is declared to the host.
    #[doc(hidden)]
    const FIELDS: &'static [SettingSpec];
    /// Takes the settings out of the configuration.
    #[doc(hidden)]
    fn read(settings: &Settings<'_>) -> Result<Self, String>;
}

impl Config for () {
    const FIELDS: &'static [SettingSpec] = &[];
    fn read(_: &Settings<'_>) -> Result<Self, String> {
        Ok(())
    }
}

/// A declared setting.
#[doc(hidden)]
#[derive(Debug)]
pub struct SettingSpec {
    /// In kebab case.
    pub name: &'static str,
    /// Its type.
    pub scalar: Scalar,
    /// JSON text.
    pub default: Option<&'static str>,
    /// For people.
    pub description: &'static str,
}

/// A type that a setting can have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a setting",
    label = "not a type of a setting",
    note = "use bool, i64, f64, String, or Json<String> for anything else"
)]
#[doc(hidden)]
pub trait Setting: Sized {
    /// The type that is declared to the host.
    const SCALAR: Scalar;
    /// Of a JSON text; `None` where it is of another type.
    fn from_json(value: &str) -> Option<Self>;
}

impl Setting for bool {
    const SCALAR: Scalar = Scalar::Boolean;
    fn from_json(value: &str) -> Option<Self> {
        match value {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }
}
impl Setting for i64 {
    const SCALAR: Scalar = Scalar::Int64;
    fn from_json(value: &str) -> Option<Self> {
        json::number(value)
    }
}
impl Setting for f64 {
    const SCALAR: Scalar = Scalar::Float64;
    fn from_json(value: &str) -> Option<Self> {
        json::number(value).filter(|n: &f64| n.is_finite())
    }
}
impl Setting for String {
    const SCALAR: Scalar = Scalar::String;
    fn from_json(value: &str) -> Option<Self> {
        json::string(value)
    }
}
impl Setting for Json<String> {
    const SCALAR: Scalar = Scalar::Json;
    fn from_json(value: &str) -> Option<Self> {
        Some(Self(value.to_owned()))
    }
}

/// The configuration as the host hands it over: JSON texts by name.
#[doc(hidden)]
pub struct Settings<'a>(Vec<(String, &'a str)>);

impl<'a> Settings<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        json::members(text).map(Self).ok_or_else(|| "the configuration is not a JSON object".into())
    }

    /// The value of a setting, or its default.
    pub fn get<T: Setting>(&self, fields: &[SettingSpec], index: usize) -> Result<T, String> {
        let Some(spec) = fields.get(index) else { return Err(format!("there is no setting {index}")) };
        let given = self.0.iter().find(|(name, _)| name == spec.name).map(|(_, value)| *value);
        let Some(value) = given.or(spec.default) else {
            return Err(format!("setting `{}` is missing and has no default", spec.name));
        };
        T::from_json(value).ok_or_else(|| {
            let wanted = match T::SCALAR {
                Scalar::Boolean => "a boolean",
                Scalar::Int64 => "a whole number of 64 bits",
                Scalar::Float64 => "a number",
                Scalar::String => "a string",
                _ => "of its declared type",
            };
            format!("setting `{}` is not {wanted}", spec.name)
        })
    }
}

/// The context that the plugin's functions are given.
pub(crate) fn context<C: Config>(config: &str, run: RunContext) -> Result<Context<C>, String> {
    let settings = Settings::parse(config)?;
    Ok(Context { config: C::read(&settings)?, run_id: run.run_id, started_at: Timestamp::from_micros(run.started_at) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[SettingSpec] = &[
        SettingSpec { name: "max", scalar: Scalar::Float64, default: Some("0.1"), description: "" },
        SettingSpec { name: "label", scalar: Scalar::String, default: None, description: "" },
    ];

    #[test]
    fn takes_values_then_defaults() {
        let settings = Settings::parse(r#"{"label":"a\u00e9","max":2}"#).unwrap();
        assert_eq!(settings.get::<f64>(FIELDS, 0), Ok(2.0));
        assert_eq!(settings.get::<String>(FIELDS, 1), Ok("aé".to_owned()));
        let none = Settings::parse("{}").unwrap();
        assert_eq!(none.get::<f64>(FIELDS, 0), Ok(0.1));
        assert_eq!(none.get::<String>(FIELDS, 1), Err("setting `label` is missing and has no default".to_owned()));
    }

    #[test]
    fn names_what_is_wrong() {
        let settings = Settings::parse(r#"{"label":7,"max":"x"}"#).unwrap();
        assert_eq!(settings.get::<f64>(FIELDS, 0), Err("setting `max` is not a number".to_owned()));
        assert_eq!(settings.get::<String>(FIELDS, 1), Err("setting `label` is not a string".to_owned()));
        assert_eq!(settings.get::<Json<String>>(FIELDS, 1), Ok(Json("7".to_owned())));
        assert!(Settings::parse("[]").is_err_and(|e| e.contains("not a JSON object")));
    }
}
