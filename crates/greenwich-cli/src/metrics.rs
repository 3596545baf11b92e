//! `/metrics` of a run in progress, for Prometheus, by the smallest HTTP that serves it.
//!
//! In: an address, a window on the run. Out: answers, one connection at a time, in a thread of its own. A request is
//! 8 KiB at most and has five seconds; whatever fails here is a refusal to the one who asked and never touches the run.

use crate::arguments::LiveArguments;
use crate::terminal::Failure;
use greenwich::live::{self, Live, Timestamp, Watch};
use greenwich::report::telemetry;
use greenwich::{Greenwich, Metering, Settings};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const DEFAULT_PORT: u16 = 9477;
/// The longest request.
const MOST_BYTES: usize = 8 * 1024;
/// The time that one connection has.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause after an error of the listener, such as too many open files.
const BREATH: Duration = Duration::from_millis(100);

/// Reads `HOST:PORT`, `PORT` or `HOST`; nothing is looked up.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let text = text.trim();
    let numbered = text.strip_prefix("localhost").map_or_else(|| text.to_owned(), |rest| format!("127.0.0.1{rest}"));
    if let Ok(port) = text.trim_start_matches(':').parse() {
        return Ok(SocketAddr::new(loopback, port));
    }
    if let Ok(host) = numbered.parse() {
        return Ok(SocketAddr::new(host, DEFAULT_PORT));
    }
    numbered.parse().map_err(|_| "write it as 127.0.0.1:9477, or as a port alone: 9477".to_owned())
}

/// Refuses an address that other machines reach, unless that is what the user said.
pub(crate) fn allowed(live: &LiveArguments) -> Result<(), Failure> {
    match live.metrics {
        Some(address) if !address.ip().is_loopback() && !live.metrics_any_address => Err(Failure::usage(
            &format!("`--metrics {address}` can be reached from other machines"),
            "write --metrics 127.0.0.1:9477, or add --metrics-any-address",
        )),
        _ => Ok(()),
    }
}

/// Listens and returns, in words, where, or why not.
pub(crate) fn serve(address: SocketAddr, watch: Watch, metering: &Metering, settings: &Settings) -> String {
    let no = |error: io::Error| format!("no metrics at {address}: {error}");
    let listener = match TcpListener::bind(address) {
        Ok(listener) => listener,
        Err(error) => return no(error),
    };
    let bound = listener.local_addr().unwrap_or(address);
    let (signals, settings, accelerator) = (metering.signals.clone(), settings.clone(), metering.accelerator.clone());
    let answering = thread::Builder::new().name("greenwich-metrics".into()).spawn(move || {
        let greenwich = Greenwich::load();
        let by = |signals| Live::new(&greenwich, &settings, true, signals, accelerator.as_deref());
        // A folder of traces that cannot be read is told by the run itself.
        let Ok(live) = by(signals.as_deref()).or_else(|_| by(None)) else { return };
        listen(&listener, || text(&watch, &live, Timestamp::now()));
    });
    match answering {
        Ok(_) => format!("metrics at http://{bound}/metrics"),
        Err(error) => no(error),
    }
}

/// The scrape's text.
fn text(watch: &Watch, live: &Live<'_>, now: Timestamp) -> String {
    match watch.now() {
        Some(observed) => telemetry::prometheus(&live::scrape(&[live.tell_own(&observed, now)])),
        None => "# Nothing is metered by this process.\n".to_owned(),
    }
}

fn listen(listener: &TcpListener, text: impl Fn() -> String) {
    loop {
        match listener.accept() {
            // Whoever asks badly or goes away is no concern of the run.
            Ok((stream, _)) => drop(answer(stream, &text)),
            Err(_) => thread::sleep(BREATH),
        }
    }
}

fn answer(mut stream: TcpStream, text: impl Fn() -> String) -> io::Result<()> {
    let until = Instant::now() + PATIENCE;
    let head = request(&mut stream, until)?;
    let (answer, body) = respond(head.as_deref(), text);
    stream.set_write_timeout(Some(left(until)?))?;
    stream.write_all(answer.as_bytes())?;
    stream.set_write_timeout(Some(left(until)?))?;
    stream.write_all(body.as_bytes())
}

/// Head and body of the answer to a request's head; no head is one that was too long.
fn respond(head: Option<&str>, text: impl Fn() -> String) -> (String, String) {
    let mut words = head.unwrap_or_default().lines().next().unwrap_or_default().split(' ');
    let [method, target, version] = [(); 3].map(|()| words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let (status, more, body) = match (method, path) {
        _ if head.is_none() => {
            ("431 Request Header Fields Too Large", "", "the request is longer than 8 KiB\n".to_owned())
        }
        _ if !version.starts_with("HTTP/1.") => ("400 Bad Request", "", "this is not HTTP/1\n".to_owned()),
        ("GET" | "HEAD", "/metrics") => ("200 OK", "", text()),
        ("GET" | "HEAD", _) => ("404 Not Found", "", "only /metrics is here\n".to_owned()),
        _ => ("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "only GET and HEAD are understood\n".to_owned()),
    };
    let length = body.len();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n"
    );
    (answer, if method == "HEAD" { String::new() } else { body })
}

/// The request up to its empty line; nothing where that does not come within [`MOST_BYTES`].
fn request(stream: &mut TcpStream, until: Instant) -> io::Result<Option<String>> {
    let mut bytes = Vec::with_capacity(1024);
    let mut block = [0; 1024];
    loop {
        stream.set_read_timeout(Some(left(until)?))?;
        let read = stream.read(&mut block)?;
        bytes.extend_from_slice(&block[..read]);
        // The empty line may have come in two pieces.
        let from = bytes.len().saturating_sub(read + 3);
        if bytes[from..].windows(4).any(|four| four == b"\r\n\r\n") {
            return Ok((bytes.len() <= MOST_BYTES).then(|| String::from_utf8_lossy(&bytes).into_owned()));
        }
        if bytes.len() > MOST_BYTES {
            return Ok(None);
        }
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// What is left of a connection's time.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(request: &[u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        thread::spawn(move || listen(&listener, || "greenwich_power_watts{device=\"cpu-0\"} 12\n".to_owned()));
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(request).expect("it reads");
        let mut answer = String::new();
        // A request that is cut off for its length may reset the connection behind the answer.
        _ = stream.read_to_string(&mut answer);
        answer
    }

    #[test]
    fn a_scrape_is_answered_whole_and_everything_else_is_refused() {
        let answer = asked(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{answer}");
        assert!(answer.ends_with("\r\n\r\ngreenwich_power_watts{device=\"cpu-0\"} 12\n"), "{answer}");
        let first = |request: &[u8]| asked(request).lines().next().unwrap_or_default().to_owned();
        assert_eq!(first(b"GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 404 Not Found");
        assert_eq!(first(b"POST /metrics HTTP/1.1\r\n\r\n"), "HTTP/1.1 405 Method Not Allowed");
        assert_eq!(first(b"\x16\x03\x01 hello\r\n\r\n"), "HTTP/1.1 400 Bad Request");
        let head = asked(b"HEAD /metrics?x=1 HTTP/1.0\r\n\r\n");
        assert!(head.contains("Content-Length: 41") && head.ends_with("\r\n\r\n"), "{head}");
    }

    #[test]
    fn a_request_without_an_end_is_cut_off_at_eight_kibibytes() {
        assert_eq!(respond(None, String::new).0.lines().next(), Some("HTTP/1.1 431 Request Header Fields Too Large"));
        let answer = asked(&[b'x'; MOST_BYTES + 1]);
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }

    #[test]
    fn one_who_leaves_without_a_word_is_forgotten_and_the_next_is_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        thread::spawn(move || listen(&listener, || "x 1\n".to_owned()));
        drop(TcpStream::connect(address).expect("it listens"));
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(b"GET /metrics HTTP/1.1\r\n").expect("it reads");
        stream.write_all(b"\r\n").expect("the empty line may come in two pieces");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it is closed after the answer");
        assert!(answer.ends_with("x 1\n"), "{answer}");
    }

    #[test]
    fn an_address_may_be_a_port_a_host_or_both_and_is_on_this_machine_by_itself() {
        let read = |text: &str| address(text).map(|address| address.to_string());
        for text in ["9477", ":9477", "127.0.0.1", "localhost", "localhost:9477", "127.0.0.1:9477"] {
            assert_eq!(read(text).as_deref(), Ok("127.0.0.1:9477"), "{text}");
        }
        assert_eq!(read("0.0.0.0:80").as_deref(), Ok("0.0.0.0:80"));
        assert_eq!(read("[::1]:80").as_deref(), Ok("[::1]:80"));
        assert!(read("example.org:80").is_err(), "no name is looked up");
        let live = |metrics: &str, metrics_any_address| LiveArguments {
            progress: false,
            metrics: address(metrics).ok(),
            metrics_any_address,
        };
        assert!(allowed(&live("9477", false)).is_ok() && allowed(&live("[::1]:80", false)).is_ok());
        assert!(allowed(&live("0.0.0.0:80", false)).is_err() && allowed(&live("0.0.0.0:80", true)).is_ok());
    }
}
