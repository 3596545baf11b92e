//! The door to the network: the one place where a socket is opened.
//!
//! In: a [`Request`]. Out: a [`Reply`] with a body that is whole, or an error that says what happened. It keeps each
//! provider's pace, asks again after 429, 5xx and failures of the network with growing pauses, heeds `Retry-After`,
//! follows no redirect to another host, reads no more than a bound, and sends no key over plain http. Offline it
//! opens nothing.

mod reply;
mod send;

pub use reply::Reply;

use crate::clock::Clock;
use crate::error::ProviderError;
use crate::provider::About;
use crate::secret::Secret;
use crate::trust::Trust;
use jiff::Timestamp;
use send::{Sent, Wire};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

/// A question by HTTP.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who is asked.
    pub about: &'static About,
    /// The address without its query.
    pub url: String,
    /// The query, in the order given.
    pub query: Vec<(&'static str, String)>,
    /// Where the key goes.
    pub key: Key,
}

/// Where a key goes in a request.
#[derive(Debug, Clone)]
pub enum Key {
    /// No key is sent.
    None,
    /// A header, after some words such as `Bearer `.
    Header(&'static str, &'static str, Secret),
    /// A parameter of the query.
    Query(&'static str, Secret),
}

impl Key {
    fn secret(&self) -> Option<&Secret> {
        match self {
            Self::None => None,
            Self::Header(_, _, secret) | Self::Query(_, secret) => Some(secret),
        }
    }
}

/// How much patience and memory the door has.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a request may take in all.
    pub patience: Duration,
    /// How often it is tried.
    pub tries: u32,
    /// The longest `Retry-After` that is waited for; a longer one is told instead.
    pub longest_wait: Duration,
    /// The most bytes of an answer, unpacked.
    pub most_bytes: usize,
    /// When the time for all questions is over, and how many seconds it was.
    pub until: Option<(Timestamp, i64)>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(30),
            tries: 3,
            longest_wait: Duration::from_secs(60),
            most_bytes: 32 << 20,
            until: None,
        }
    }
}

/// What lets a provider answer "unchanged".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validator {
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    pub modified: Option<String>,
}

/// The door, open or shut.
pub struct Door<'a> {
    wire: Option<Wire>,
    clock: &'a dyn Clock,
    limits: Limits,
    asked: RefCell<BTreeMap<&'static str, Timestamp>>,
    /// By address with query, the key left out.
    validators: RefCell<BTreeMap<String, Validator>>,
    conditional: bool,
    log: RefCell<Vec<String>>,
}

impl std::fmt::Debug for Door<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("open", &self.wire.is_some()).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl<'a> Door<'a> {
    /// A door that opens.
    pub fn open(clock: &'a dyn Clock, limits: Limits) -> Self {
        Self::trusting(clock, limits, None)
    }

    /// The same, by certificates of one's own authorities.
    pub fn trusting(clock: &'a dyn Clock, limits: Limits, trust: Option<&Trust>) -> Self {
        let left = limits.until.map(|(until, _)| Duration::try_from(until.duration_since(clock.now())));
        let left = left.map_or(limits.patience, |left| left.unwrap_or(Duration::ZERO).max(Duration::from_secs(1)));
        let limits = Limits { patience: limits.patience.min(left), ..limits };
        Self { wire: Some(Wire::new(limits, trust)), ..Self::offline(clock) }.with_limits(limits)
    }

    /// A door that stays shut: every question is refused before a socket is opened.
    pub fn offline(clock: &'a dyn Clock) -> Self {
        Self {
            wire: None,
            clock,
            limits: Limits::default(),
            asked: RefCell::default(),
            validators: RefCell::default(),
            conditional: false,
            log: RefCell::default(),
        }
    }

    fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Asks only for what has changed, by what was kept of earlier answers. To be used where what they said is held.
    #[must_use]
    pub fn only_changes(mut self, known: BTreeMap<String, Validator>) -> Self {
        self.validators = RefCell::new(known);
        self.conditional = true;
        self
    }

    /// What the answers said of themselves, to be kept with what they said.
    pub fn validators(&self) -> BTreeMap<String, Validator> {
        self.validators.borrow().clone()
    }

    /// The addresses that were asked, without keys, each with how it ended.
    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// Whether it opens.
    pub fn is_open(&self) -> bool {
        self.wire.is_some()
    }

    /// Now, by the door's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Asks. `None` where the answer is "unchanged".
    ///
    /// # Errors
    /// [`ProviderError`] of every kind that concerns the network.
    pub fn get(&self, request: &Request) -> Result<Option<Reply>, ProviderError> {
        self.ask(request, self.conditional)
    }

    /// As [`Door::get`], for a question whose answer is wanted whole even if it is known: a login, a page, a name.
    pub(crate) fn get_whole(&self, request: &Request) -> Result<Reply, ProviderError> {
        let found = self.ask(request, false)?;
        found.ok_or_else(|| ProviderError::Shape {
            provider: request.about.id,
            found: "status 304 to a question that set no condition".into(),
        })
    }

    fn ask(&self, request: &Request, conditional: bool) -> Result<Option<Reply>, ProviderError> {
        let about = request.about;
        let wire = self.wire.as_ref().ok_or(ProviderError::Offline { provider: about.id })?;
        let shown = shown(request);
        let known = self.validators.borrow().get(&shown).cloned().filter(|_| conditional).unwrap_or_default();
        let mut tried = 0;
        loop {
            self.keep_pace(about);
            self.in_time(about, Duration::ZERO)?;
            tried += 1;
            let sent = wire.send(request, &known);
            let (failure, wait) = match sent {
                Ok(Sent::Unchanged) => {
                    self.note(&shown, "unchanged");
                    return Ok(None);
                }
                Ok(Sent::Whole(reply, validator)) => {
                    self.note(&shown, &format!("{} bytes", reply.body.len()));
                    if validator != Validator::default() {
                        self.validators.borrow_mut().insert(shown, validator);
                    }
                    return Ok(Some(reply));
                }
                Ok(Sent::Busy { status, says, retry_after }) => {
                    let wait = retry_after.map(|at| at.wait(self.now()));
                    (busy(about, status, says, wait.map(|wait| self.now() + wait)), wait)
                }
                Err(error) => (error, None),
            };
            self.note(&shown, &failure.to_string());
            let wait = wait.unwrap_or_else(|| Duration::from_secs(1 << tried.min(6)));
            // Without a network every try is as long as the first: whoever asks should not wait for nothing.
            let absent = matches!(failure, ProviderError::Unreachable { .. });
            let again = failure.kind() == crate::Kind::Retry && !absent && tried < self.limits.tries;
            if !again || wait > self.limits.longest_wait {
                return Err(failure);
            }
            if self.in_time(about, wait).is_err() {
                return Err(failure);
            }
            self.clock.sleep(wait);
        }
    }

    /// Whether there is still time for a question after a pause.
    fn in_time(&self, about: &'static About, pause: Duration) -> Result<(), ProviderError> {
        match self.limits.until {
            Some((until, seconds)) if self.now() + pause >= until => {
                Err(ProviderError::OutOfTime { provider: about.id, seconds })
            }
            _ => Ok(()),
        }
    }

    fn keep_pace(&self, about: &'static About) {
        let last = self.asked.borrow().get(about.id).copied();
        if let Some(last) = last {
            let since = Duration::try_from(self.now().duration_since(last)).unwrap_or(Duration::MAX);
            if let Some(rest) = about.pace.checked_sub(since).filter(|rest| !rest.is_zero()) {
                self.clock.sleep(rest);
            }
        }
        self.asked.borrow_mut().insert(about.id, self.now());
    }

    fn note(&self, shown: &str, ended: &str) {
        self.log.borrow_mut().push(format!("{shown}: {ended}"));
    }
}

fn busy(about: &'static About, status: u16, says: String, again: Option<Timestamp>) -> ProviderError {
    if status == 429 {
        return ProviderError::Limited { provider: about.id, again };
    }
    ProviderError::Status { provider: about.id, status, says }
}

/// The address with its query, the key left out.
fn shown(request: &Request) -> String {
    let pair = |(name, value): &(&str, String)| format!("{name}={value}");
    let query: Vec<String> = request.query.iter().map(pair).collect();
    let shown = if query.is_empty() { request.url.clone() } else { format!("{}?{}", request.url, query.join("&")) };
    request.key.secret().map_or_else(|| shown.clone(), |secret| secret.hide_in(&shown))
}
