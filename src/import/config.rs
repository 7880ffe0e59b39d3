//! A scheduler configuration as diffusers writes it, and what was read of it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Keys that say nothing where they are false or null. Classes that give them a meaning read them.
const OFF: &[&str] = &[
    "clip_sample",
    "euler_at_final",
    "invert_sigmas",
    "lambda_min_clipped",
    "noise_sampler_seed",
    "rescale_betas_zero_snr",
    "scale_factors",
    "shift_terminal",
    "sigma_max",
    "sigma_min",
    "solver_p",
    "stochastic_sampling",
    "thresholding",
    "trained_betas",
    "use_beta_sigmas",
    "use_dynamic_shifting",
    "use_exponential_sigmas",
    "use_flow_sigmas",
    "use_karras_sigmas",
    "use_lu_lambdas",
    "variance_type",
];

/// Keys whose value matters only beside another one, or only to classes that read them.
const IDLE: &[&str] = &[
    "algorithm_type",
    "base_image_seq_len",
    "base_shift",
    "beta_end",
    "beta_schedule",
    "beta_start",
    "clip_sample_range",
    "disable_corrector",
    "dynamic_thresholding_ratio",
    "flow_shift",
    "interpolation_type",
    "lower_order_final",
    "max_image_seq_len",
    "max_shift",
    "predict_x0",
    "sample_max_value",
    "set_alpha_to_one",
    "shift",
    "skip_prk_steps",
    "solver_order",
    "solver_type",
    "steps_offset",
    "time_shift_type",
    "timestep_spacing",
    "upscale_mode",
];

/// The keys of a file, and which of them were asked for.
pub struct Config {
    /// `_class_name`.
    pub class: String,
    values: Map<String, Value>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl Config {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// Says why it is no scheduler configuration.
    pub fn read(text: &str) -> Result<Config, String> {
        let values: Value =
            serde_json::from_str(&quote_infinities(text)).map_err(|error| format!("it is not JSON: {error}"))?;
        let Value::Object(values) = values else { return Err("it is no JSON object".to_owned()) };
        let Some(Value::String(class)) = values.get("_class_name") else {
            return Err("it has no `_class_name`, as scheduler configurations of diffusers have".to_owned());
        };
        Ok(Config { class: class.clone(), values, asked: RefCell::default() })
    }

    fn value(&self, key: &'static str) -> Option<&Value> {
        self.asked.borrow_mut().insert(key);
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// Whether a key is there, with a value other than null or false.
    pub fn has(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)))
    }

    /// Whether a key has a word as its value.
    pub fn is(&self, key: &str, word: &str) -> bool {
        self.values.get(key).and_then(Value::as_str) == Some(word)
    }

    /// A value that is true or false.
    pub fn flag(&self, key: &'static str, default: bool) -> Result<bool, String> {
        self.value(key)
            .map_or(Ok(default), |value| value.as_bool().ok_or_else(|| self.refusal(key, "`true` and `false`")))
    }

    /// A number.
    pub fn number(&self, key: &'static str, default: f64) -> Result<f64, String> {
        self.value(key).map_or(Ok(default), |value| value.as_f64().ok_or_else(|| self.refusal(key, "numbers")))
    }

    /// A whole number of a range.
    pub fn whole(&self, key: &'static str, default: u64, low: u64, high: u64) -> Result<u64, String> {
        let Some(value) = self.value(key) else { return Ok(default) };
        let fits = value.as_u64().filter(|number| (low..=high).contains(number));
        fits.ok_or_else(|| self.refusal(key, &format!("whole numbers from {low} to {high}")))
    }

    /// A list of whole numbers.
    pub fn wholes(&self, key: &'static str) -> Result<Vec<u64>, String> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let list = value.as_array().and_then(|list| list.iter().map(Value::as_u64).collect());
        list.ok_or_else(|| self.refusal(key, "lists of whole numbers"))
    }

    /// One of some words.
    pub fn word(
        &self,
        key: &'static str,
        default: &'static str,
        supported: &[&'static str],
    ) -> Result<&'static str, String> {
        let Some(value) = self.value(key) else {
            return if supported.contains(&default) { Ok(default) } else { Err(self.refusal(key, &words(supported))) };
        };
        let found = supported.iter().find(|word| value.as_str() == Some(word));
        found.copied().ok_or_else(|| self.refusal(key, &words(supported)))
    }

    /// The message for a value that is not supported.
    pub fn refusal(&self, key: &str, supported: &str) -> String {
        let class = &self.class;
        match self.values.get(key) {
            Some(value) => format!("`{key}` is `{}`; for {class} there are {supported}", shown(value)),
            None => format!("`{key}` is missing, and the default of {class} is not supported; there are {supported}"),
        }
    }

    /// Fails with the first key that would be passed over, and means something.
    pub fn all_is_read(&self) -> Result<(), String> {
        let asked = self.asked.borrow();
        for (key, value) in &self.values {
            let off = matches!(value, Value::Null | Value::Bool(false)) || value.as_str() == Some("-Infinity");
            let known = key.starts_with('_') || asked.contains(key.as_str()) || IDLE.contains(&key.as_str());
            if known || off && OFF.contains(&key.as_str()) {
                continue;
            }
            let keys: Vec<&str> = asked.iter().copied().collect();
            return Err(self.refusal(key, &format!("only {}", words(&keys))));
        }
        Ok(())
    }
}

/// A value as it is written, without the quotes of a word.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn words(list: &[&str]) -> String {
    list.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Python writes infinities and NaN as bare words, which JSON does not have; here they become strings.
fn quote_infinities(text: &str) -> String {
    let parts = text.split('"').enumerate().map(|(at, part)| match at % 2 {
        // A quote behind a backslash shifts the parts; such words then stay, and JSON refuses them.
        0 => part
            .replace("-Infinity", "~")
            .replace("Infinity", "\"Infinity\"")
            .replace("NaN", "\"NaN\"")
            .replace('~', "\"-Infinity\""),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("\"")
}
