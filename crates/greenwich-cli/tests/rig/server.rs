//! A server on the loopback that gives every question the same answer, or answers by its path.
//!
//! In: a status and a body, or what gives them. Out: its address, and the heads of what it was asked.

#![allow(dead_code, reason = "each test file takes what it needs")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// Serves as long as the test lives.
pub(crate) fn serve(status: u16, body: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    serve_by(move |_| (status, "application/json", body.to_owned()))
}

/// The same, with status, content type and body by the path that is asked for.
pub(crate) fn serve_by(
    answer: impl Fn(&str) -> (u16, &'static str, String) + Send + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback is there");
    let base = format!("http://{}", listener.local_addr().expect("it is bound"));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let (status, kind, body) = answer(head.split(' ').nth(1).unwrap_or_default());
            seen.lock().expect("no test panics here").push(head);
            let reply = format!(
                "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            _ = stream.write_all(reply.as_bytes());
        }
    });
    (base, asked)
}
