//! The watts of a node from an address: a smart plug, a PDU, a board controller's Redfish.
//!
//! In: an address, the key that holds the watts, what to say of oneself. Out: a question for the meter, which asks in a
//! thread of its own. This is the one connection that a metered run opens, and only where the user names it. What
//! authorises comes from the environment, and is shown nowhere.

use greenwich::running::host::Ask;
use serde_json::Value;
use std::time::Duration;
use ureq::Agent;

/// The variable that holds the value of the `Authorization` header: `Basic …`, `Bearer …`.
pub(crate) const AUTHORIZATION: &str = "GREENWICH_WALL_AUTHORIZATION";
/// An answer is waited for so long: a meter that is late tells of another time.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer that is longer tells no power.
const MOST_BYTES: u64 = 1 << 20;

/// What the record calls the meter: the address without user, password and query.
pub(crate) fn name_of(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let plain = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = plain.split_once('/').map_or((plain, String::new()), |(host, path)| (host, format!("/{path}")));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("address {scheme}://{host}{path}")
}

/// The question for the watts at `url`.
pub(crate) fn ask(url: &str, key: Option<String>, authorization: Option<String>) -> Ask {
    let agent: Agent = Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
    let url = url.to_owned();
    Ask::new(move || {
        let mut request = agent.get(&url);
        if let Some(authorization) = &authorization {
            request = request.header("Authorization", authorization);
        }
        let mut answer = request.call().ok()?;
        let text = answer.body_mut().with_config().limit(MOST_BYTES).read_to_string().ok()?;
        match &key {
            None => Some(text),
            Some(key) => Some(format!("{} W", number_under(&serde_json::from_str(&text).ok()?, key)?)),
        }
    })
}

/// The first number under a key, however deep.
fn number_under(value: &Value, key: &str) -> Option<f64> {
    match value {
        Value::Object(fields) => {
            let own = fields.get(key).and_then(|value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()));
            own.or_else(|| fields.values().find_map(|value| number_under(value, key)))
        }
        Value::Array(items) => items.iter().find_map(|value| number_under(value, key)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_names_the_meter_without_what_opens_it() {
        let cases = [
            ("http://10.0.0.7/rpc/Switch.GetStatus?id=0", "address http://10.0.0.7/rpc/Switch.GetStatus"),
            ("https://admin:secret@bmc.example/redfish/v1", "address https://bmc.example/redfish/v1"),
            ("http://plug", "address http://plug"),
        ];
        for (url, name) in cases {
            assert_eq!(name_of(url), name);
        }
    }

    #[test]
    fn the_number_under_a_key_is_found_however_deep() {
        let plug = serde_json::json!({"id": 0, "output": true, "apower": 87.5, "voltage": 231.0});
        let deep = serde_json::json!({"StatusSNS": {"ENERGY": [{"Power": "42"}]}});
        assert_eq!((number_under(&plug, "apower"), number_under(&deep, "Power")), (Some(87.5), Some(42.0)));
        assert_eq!(number_under(&plug, "power"), None);
    }
}
