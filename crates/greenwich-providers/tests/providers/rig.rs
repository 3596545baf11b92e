//! The server, the clock and the words of the tests.

use greenwich_core::{Window, ZoneId};
use greenwich_grid::{Block, Quantity, State};
use greenwich_providers::{Answer, Ask, Clock, Door, Keys, Limits, Provider, ProviderError, Secret, all};
use jiff::Timestamp;
use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Each provider that wants a key, with a zone and a quantity that it has.
pub(crate) const KEYED: [(&str, &str, &str); 5] = [
    ("electricity-maps", "DE", "lifecycle"),
    ("watttime", "US-CAL-CISO", "marginal"),
    ("entsoe", "FI", "generation-gas"),
    ("eia", "US-CAL-CISO", "load"),
    ("open-electricity", "AU-NSW", "direct"),
];

/// What the server does with one request.
pub(crate) enum Turn {
    /// Answers with status, headers and body.
    Say(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Declares a length and sends only the body.
    Cut(usize, &'static str),
    /// Sends a chunk, and closes before the last.
    CutChunk(&'static str),
    /// Says nothing for so long.
    Hang(Duration),
    /// Closes at once.
    Close,
}

pub(crate) fn json(body: &str) -> Turn {
    Turn::Say(200, vec![("content-type", "application/json".into())], body.into())
}

pub(crate) fn xml(body: &str) -> Turn {
    Turn::Say(200, vec![("content-type", "text/xml".into())], body.into())
}

pub(crate) fn status(status: u16, body: &str) -> Turn {
    Turn::Say(status, vec![], body.into())
}

/// A server that takes its turns in order and is gone after the last.
pub(crate) struct Server {
    pub(crate) base: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback is there");
        let base = format!("http://{}", listener.local_addr().expect("it is bound"));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let turns: Vec<Turn> = turns.into_iter().collect();
        thread::spawn(move || {
            for turn in turns {
                let Ok((stream, _)) = listener.accept() else { return };
                let head = head(&stream);
                seen.lock().expect("no test panics here").push(head);
                serve(stream, turn);
            }
        });
        Self { base, heads }
    }

    /// The requests that came, each with its headers.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no test panics here").clone()
    }

    /// The first lines of the requests, without method and version.
    pub(crate) fn paths(&self) -> Vec<String> {
        let path = |head: &String| head.split(' ').nth(1).unwrap_or_default().to_owned();
        self.heads().iter().map(path).collect()
    }
}

fn head(mut stream: &TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        bytes.push(byte[0]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn serve(mut stream: TcpStream, turn: Turn) {
    let mut send = |text: &[u8]| _ = stream.write_all(text);
    match turn {
        Turn::Say(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
            for (name, value) in headers {
                head.extend([name, ": ", &value, "\r\n"]);
            }
            send((head + "\r\n").as_bytes());
            send(&body);
        }
        Turn::Cut(length, body) => {
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n";
            send(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes());
        }
        Turn::CutChunk(body) => {
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
            send(format!("{head}{:x}\r\n{body}\r\n", body.len()).as_bytes());
        }
        Turn::Hang(pause) => thread::sleep(pause),
        Turn::Close => {}
    }
}

/// A clock that stands still, and goes on only when one waits.
pub(crate) struct Script {
    now: Cell<Timestamp>,
    pub(crate) slept: RefCell<Vec<Duration>>,
}

impl Script {
    pub(crate) fn at(now: &str) -> Self {
        Self { now: Cell::new(at(now)), slept: RefCell::default() }
    }
    pub(crate) fn slept_s(&self) -> Vec<u64> {
        self.slept.borrow().iter().map(Duration::as_secs).collect()
    }
    pub(crate) fn go_to(&self, now: &str) {
        self.now.set(at(now));
    }
}

impl Clock for Script {
    fn now(&self) -> Timestamp {
        self.now.get()
    }
    fn sleep(&self, pause: Duration) {
        self.slept.borrow_mut().push(pause);
        self.now.set(self.now.get() + pause);
    }
}

pub(crate) fn at(stamp: &str) -> Timestamp {
    stamp.parse().expect("a stamp")
}

pub(crate) fn limits() -> Limits {
    Limits { patience: Duration::from_secs(5), ..Limits::default() }
}

pub(crate) fn ask(zone: &str, quantity: &str, from: &str, until: &str) -> Ask {
    Ask {
        zone: ZoneId::new(zone),
        quantity: Quantity::of(quantity).expect("a quantity"),
        window: Window::new(at(from), at(until)).expect("forwards"),
        at: None,
    }
}

/// The provider of a key, at the address of the test's server, with the test's keys.
pub(crate) fn provider(id: &str, base: &str) -> Box<dyn Provider> {
    provider_with(id, base, |_| None)
}

pub(crate) const KEY: &str = "hunter2-s3cret";

pub(crate) fn provider_with(id: &str, base: &str, more: impl Fn(&str) -> Option<String>) -> Box<dyn Provider> {
    let keys = Keys::gather(&greenwich_providers::KEY_VARIABLES, |_| Some(KEY.to_owned()), None).expect("no file");
    let own = format!("GREENWICH_{}_URL", id.replace("-sdk", "").replace('-', "_").to_uppercase());
    let variable = |name: &str| if name == own { Some(base.to_owned()) } else { more(name) };
    all(variable, &keys).into_iter().find(|provider| provider.about().id == id).expect("it is one of them")
}

pub(crate) fn without_key(id: &str) -> Box<dyn Provider> {
    all(|_| None, &Keys::default()).into_iter().find(|provider| provider.about().id == id).expect("it is one of them")
}

/// Asks at an instant, through a door that opens.
pub(crate) fn fetch(provider: &dyn Provider, ask: &Ask, now: &str) -> Result<Answer, ProviderError> {
    let clock = Script::at(now);
    provider.fetch(ask, &Door::open(&clock, limits()))
}

/// An answer in lines: quantity, start, step and cells of each block, then the notes.
pub(crate) fn told(answer: &Answer) -> String {
    let mut lines: Vec<String> = answer.blocks.iter().map(line).collect();
    lines.extend(answer.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

fn line(block: &Block) -> String {
    let cell = |index: usize| match block.cell(index) {
        None => "-".to_owned(),
        Some((value, State::Measured)) => format!("{}", (value * 1000.0).round() / 1000.0),
        Some((value, State::Estimated)) => format!("~{}", (value * 1000.0).round() / 1000.0),
        Some((value, State::Forecast)) => format!("?{}", (value * 1000.0).round() / 1000.0),
    };
    let cells: Vec<String> = (0..block.len()).map(cell).collect();
    let unit = block.quantity.unit();
    format!("{} {unit} {} {}s: {}", block.quantity, block.start(), block.step().as_secs(), cells.join(" "))
}

/// An error with its mend, and with certainty without the key.
pub(crate) fn refusal(answered: Result<Answer, ProviderError>) -> String {
    let error = answered.expect_err("it is refused");
    let shown = format!("{error} [{:?}] help: {}", error.kind(), miette::Diagnostic::help(&error).expect("a mend"));
    let everything = format!("{shown} {error:?}");
    assert!(!everything.contains(KEY), "the key is shown: {everything}");
    let basic = "aHVudGVyMi1zM2NyZXQ6aHVudGVyMi1zM2NyZXQ=";
    assert!(!everything.contains(basic), "the key is shown: {everything}");
    shown
}

pub(crate) fn secret() -> Secret {
    Secret::new(KEY).expect("there is one")
}
