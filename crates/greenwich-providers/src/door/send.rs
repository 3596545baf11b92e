//! One request over the wire.
//!
//! In: a request and what was kept of its last answer. Out: a whole answer, "unchanged", "busy", or an error.

use super::reply::{Reply, page, short};
use super::{Key, Limits, Request, Validator};
use crate::error::ProviderError;
use crate::provider::About;
use crate::trust::Trust;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use std::io::{self, Read};
use std::time::Duration;
use ureq::http::{HeaderMap, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, Timeout};

const MOST_REDIRECTS: usize = 3;
/// A host that does not take the connection by then is behind a wall: many compute nodes are.
const CONNECT: Duration = Duration::from_secs(5);

/// The client that speaks HTTP.
pub(super) struct Wire {
    agent: Agent,
    limits: Limits,
}

/// How a request ended.
pub(super) enum Sent {
    /// An answer, and what lets the next be "unchanged".
    Whole(Reply, Validator),
    /// Status 304.
    Unchanged,
    /// Status 429 or 5xx.
    Busy { status: u16, says: String, retry_after: Option<RetryAfter> },
}

/// When to ask again, as the answer says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RetryAfter {
    Seconds(u64),
    At(Timestamp),
}

impl RetryAfter {
    fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let seconds = text.parse().ok().map(Self::Seconds);
        seconds.or_else(|| rfc2822::parse(text).ok().map(|at| Self::At(at.timestamp())))
    }

    pub(super) fn wait(self, now: Timestamp) -> Duration {
        match self {
            Self::Seconds(seconds) => Duration::from_secs(seconds.min(7 * 86_400)),
            Self::At(at) => Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO),
        }
    }
}

impl Wire {
    pub(super) fn new(limits: Limits, trust: Option<&Trust>) -> Self {
        let roots = trust.map_or(RootCerts::WebPki, Trust::roots);
        let config = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(limits.patience))
            .timeout_connect(Some(limits.patience.min(CONNECT)))
            .timeout_resolve(Some(limits.patience.min(CONNECT)))
            .user_agent(concat!("greenwich/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.new_agent(), limits }
    }

    pub(super) fn send(&self, request: &Request, known: &Validator) -> Result<Sent, ProviderError> {
        let about = request.about;
        let mut url = whole_url(request);
        for _ in 0..=MOST_REDIRECTS {
            let host = checked_host(request, &url)?;
            let mut call = self.agent.get(&url);
            if is_loopback(&host) {
                call = call.config().proxy(None).build();
            }
            if let Key::Header(name, words, secret) = &request.key {
                call = call.header(*name, format!("{words}{}", secret.reveal()));
            }
            if let Some(etag) = &known.etag {
                call = call.header("If-None-Match", etag);
            }
            if let Some(modified) = &known.modified {
                call = call.header("If-Modified-Since", modified);
            }
            let mut response = call.call().map_err(|error| self.broken(about, &host, &error, 0))?;
            let status = response.status().as_u16();
            let headers = response.headers().clone();
            let header = |name: &str| text(&headers, name);
            match status {
                304 => return Ok(Sent::Unchanged),
                301 | 302 | 303 | 307 | 308 => {
                    let to = header("location").unwrap_or_default();
                    url = followed(request, &url, &to)?;
                }
                429 | 500..=599 => {
                    let body = self.read(about, &host, response.body_mut()).unwrap_or_default();
                    let retry_after = header("retry-after").and_then(|text| RetryAfter::of(&text));
                    return Ok(Sent::Busy { status, says: says(request, &body), retry_after });
                }
                _ => {
                    let body = self.read(about, &host, response.body_mut())?;
                    if !(200..300).contains(&status) {
                        return Err(refused(request, status, &body));
                    }
                    let validator = Validator { etag: header("etag"), modified: header("last-modified") };
                    let content_type = header("content-type").unwrap_or_default();
                    return Ok(Sent::Whole(Reply { about, status, content_type, body }, validator));
                }
            }
        }
        Err(ProviderError::Shape { provider: about.id, found: format!("more than {MOST_REDIRECTS} redirects") })
    }

    fn read(&self, about: &'static About, host: &str, body: &mut Body) -> Result<Vec<u8>, ProviderError> {
        let declared = body.content_length();
        let mut bytes = Vec::new();
        // One byte above the bound tells that there is more.
        let mut reader = body.as_reader().take(self.limits.most_bytes as u64 + 1);
        if let Err(error) = reader.read_to_end(&mut bytes) {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
            return Err(match inner {
                Some(inner) => self.broken(about, host, inner, bytes.len()),
                None => self.broken_io(about, host, &error, bytes.len()),
            });
        }
        if bytes.len() > self.limits.most_bytes {
            return Err(ProviderError::TooLarge { provider: about.id, most_mib: self.limits.most_bytes >> 20 });
        }
        // No length is declared of a body that was unpacked on the way.
        if declared.is_some_and(|declared| (bytes.len() as u64) < declared) {
            return Err(ProviderError::CutOff { provider: about.id, bytes: bytes.len() });
        }
        Ok(bytes)
    }

    fn broken(&self, about: &'static About, host: &str, error: &ureq::Error, bytes: usize) -> ProviderError {
        match error {
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                self.unreachable(about, host, &format!("no connection within {} s", CONNECT.as_secs()))
            }
            ureq::Error::Timeout(_) => self.timed_out(about),
            ureq::Error::Io(error) => self.broken_io(about, host, error, bytes),
            // The protocol's own complaint after some bytes is that there should have been more.
            _ if bytes > 0 => ProviderError::CutOff { provider: about.id, bytes },
            // The client's messages hold no address: nothing of the query is in them.
            ureq::Error::HostNotFound => self.unreachable(about, host, "no such host"),
            ureq::Error::ConnectionFailed => self.unreachable(about, host, "the connection failed"),
            other => self.unreachable(about, host, &short(&other.to_string())),
        }
    }

    fn broken_io(&self, about: &'static About, host: &str, error: &io::Error, bytes: usize) -> ProviderError {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => self.timed_out(about),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
                ProviderError::CutOff { provider: about.id, bytes }
            }
            io::ErrorKind::ConnectionRefused => self.unreachable(about, host, "the connection is refused"),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput if bytes > 0 => {
                ProviderError::CutOff { provider: about.id, bytes }
            }
            _ => self.unreachable(about, host, &short(&error.to_string())),
        }
    }

    fn timed_out(&self, about: &'static About) -> ProviderError {
        ProviderError::TimedOut { provider: about.id, seconds: self.limits.patience.as_secs().max(1) }
    }

    #[expect(clippy::unused_self, reason = "it stands beside its two siblings")]
    fn unreachable(&self, about: &'static About, host: &str, cause: &str) -> ProviderError {
        ProviderError::Unreachable { provider: about.id, host: host.to_owned(), cause: cause.to_owned() }
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The address with its query, key and all.
fn whole_url(request: &Request) -> String {
    let mut url = request.url.clone();
    let mut mark = '?';
    let mut add = |name: &str, value: &str| {
        url.push(mark);
        url.push_str(&escaped(name));
        url.push('=');
        url.push_str(&escaped(value));
        mark = '&';
    };
    for (name, value) in &request.query {
        add(name, value);
    }
    if let Key::Query(name, secret) = &request.key {
        add(name, secret.reveal());
    }
    url
}

/// Percent-encodes all but unreserved characters.
fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            other => write!(out, "%{other:02X}").expect("a string takes all"),
        }
    }
    out
}

/// The host that an address names, if a request may go there.
fn checked_host(request: &Request, url: &str) -> Result<String, ProviderError> {
    let about = request.about;
    let variable = about.base_variables.first().copied().unwrap_or("its variable");
    let shape = || ProviderError::Unreachable {
        provider: about.id,
        host: "nowhere".to_owned(),
        cause: format!("{variable} holds no address such as https://host"),
    };
    let uri: Uri = url.parse().map_err(|_| shape())?;
    let host = uri.host().ok_or_else(shape)?.to_owned();
    let open = uri.scheme_str() == Some("http");
    if open && request.key.secret().is_some() && !is_loopback(&host) {
        return Err(ProviderError::InTheOpen { provider: about.id, host, variable });
    }
    Ok(host)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

/// Where a redirect leads: only within one host and scheme, since a key must not follow it elsewhere.
fn followed(request: &Request, from: &str, to: &str) -> Result<String, ProviderError> {
    let about = request.about;
    let elsewhere = |to: &str| ProviderError::Redirected {
        provider: about.id,
        to: short(to.split('?').next().unwrap_or_default()),
        variable: about.base_variables.first().copied().unwrap_or("its variable"),
    };
    let origin = |url: &str| {
        let uri: Uri = url.parse().ok()?;
        Some((uri.scheme_str()?.to_owned(), uri.authority()?.as_str().to_owned()))
    };
    if to.starts_with('/') && !to.starts_with("//") {
        let (scheme, authority) = origin(from).ok_or_else(|| elsewhere(to))?;
        return Ok(format!("{scheme}://{authority}{to}"));
    }
    if origin(to).is_some() && origin(to) == origin(from) { Ok(to.to_owned()) } else { Err(elsewhere(to)) }
}

/// What a refusal says, in a line without the key.
fn says(request: &Request, body: &[u8]) -> String {
    let trimmed = body.trim_ascii();
    let words = if trimmed.is_empty() {
        "nothing more".to_owned()
    } else if let Some(told) = reason(trimmed) {
        short(&told)
    } else if trimmed.starts_with(b"<") {
        page(trimmed)
    } else {
        let json: Option<serde_json::Value> = serde_json::from_slice(trimmed).ok();
        let told = json.as_ref().and_then(message);
        short(&told.unwrap_or_else(|| String::from_utf8_lossy(&trimmed[..trimmed.len().min(4096)]).into_owned()))
    };
    request.key.secret().map_or_else(|| words.clone(), |secret| secret.hide_in(&words))
}

/// The text of an XML acknowledgement.
fn reason(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok().filter(|text| text.starts_with('<'))?;
    let (_, after) = text.split_once("<text>")?;
    Some(after.split('<').next()?.to_owned())
}

/// The message of the shapes that errors of these services have.
fn message(json: &serde_json::Value) -> Option<String> {
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let error = &json["error"];
    text(&json["message"])
        .or_else(|| text(&error["message"]))
        .or_else(|| text(error))
        .or_else(|| text(&json["detail"]))
        .or_else(|| text(&json["detail"][0]["msg"]))
        .or_else(|| text(&json["title"]))
}

fn refused(request: &Request, status: u16, body: &[u8]) -> ProviderError {
    let about = request.about;
    let says = says(request, body);
    let lower = says.to_ascii_lowercase();
    let plan = ["scope", "access", "plan", "permission", "subscription", "not allowed", "upgrade"];
    let page = about.page;
    match status {
        403 if request.key.secret().is_some() && plan.iter().any(|word| lower.contains(word)) => {
            ProviderError::NotInPlan { provider: about.id, says, page }
        }
        401 | 403 if !about.key_variables.is_empty() => {
            ProviderError::KeyRefused { provider: about.id, status, variables: about.key_variables, page }
        }
        _ => ProviderError::Status { provider: about.id, status, says },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-25T06:00:00Z".parse().expect("a stamp");
        let wait = |text: &str| RetryAfter::of(text).map(|after| after.wait(now).as_secs());
        assert_eq!(wait(" 17 "), Some(17));
        assert_eq!(wait("Wed, 25 Nov 2026 06:02:00 GMT"), Some(120));
        assert_eq!(wait("Wed, 25 Nov 2026 05:00:00 GMT"), Some(0));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn what_an_address_cannot_hold_is_escaped() {
        assert_eq!(escaped("{\"PriceArea\":[\"DK1\"]} ü"), "%7B%22PriceArea%22%3A%5B%22DK1%22%5D%7D%20%C3%BC");
    }
}
