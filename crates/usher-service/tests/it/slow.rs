//! Clients that send slowly, by halves, or break off, over a real connection.

use std::{net::SocketAddr, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use usher_service::{Listening, Settings, serve};

use crate::world::{World, unlimited, with_settings};

/// The service of a world on a port of its own.
async fn listen(w: &World) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, w.app.clone(), None, Listening::default(), std::future::pending()));
    address
}

/// A connection on which the head of a POST was sent, and this much of its body.
async fn begun(w: &World, address: SocketAddr, length: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/scim+json\r\n{length}\r\n\r\n{body}",
        w.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// What comes until there is a whole head, or the connection ends.
async fn head_of(stream: &mut TcpStream) -> String {
    let (mut text, mut bytes) = (Vec::new(), [0; 1024]);
    let reading = async {
        while !String::from_utf8_lossy(&text).contains("\r\n\r\n") {
            match stream.read(&mut bytes).await {
                Ok(0) | Err(_) => break,
                Ok(read) => text.extend_from_slice(&bytes[..read]),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("no answer in 20 s");
    String::from_utf8_lossy(&text).into_owned()
}

fn short() -> Settings {
    Settings { request: Duration::from_millis(300), ..unlimited() }
}

#[test]
fn a_body_that_stops_is_answered_when_its_time_is_over() {
    with_settings("standard", &short(), async |w| {
        let address = listen(w).await;
        for (length, body) in [
            ("content-length: 1000", "{\"userName\":"),
            ("transfer-encoding: chunked", "c\r\n{\"userName\":\r\n"),
        ] {
            let mut stream = begun(w, address, length, body).await;
            let answer = head_of(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 5"), "{answer}");
        }
        assert_eq!(w.get("/Users").await.expect(200).body["totalResults"], json!(0));
    });
}

#[test]
fn a_body_that_trickles_has_no_more_time_than_others() {
    with_settings("standard", &short(), async |w| {
        let address = listen(w).await;
        let stream = begun(w, address, "content-length: 1000", "{\"userName\":\"ann\",\"x\":\"").await;
        let (mut reading, mut writing) = stream.into_split();
        let trickle = tokio::spawn(async move {
            // Until the other end has had enough.
            for _ in 0..400 {
                if writing.write_all(b"x").await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let mut bytes = [0; 12];
        let answer = tokio::time::timeout(Duration::from_secs(7), reading.read_exact(&mut bytes)).await;
        answer.expect("no answer while it trickles").unwrap();
        assert_eq!(&bytes, b"HTTP/1.1 503");
        trickle.abort();
        assert_eq!(w.get("/Users").await.expect(200).body["totalResults"], json!(0));
    });
}

#[test]
fn a_body_that_breaks_off_makes_nobody() {
    with_settings("standard", &unlimited(), async |w| {
        let address = listen(w).await;
        // Whole JSON, but not as long as was said; half JSON; a chunk that is cut.
        for (length, body) in [
            ("content-length: 1000", "{\"userName\":\"ann\"}"),
            ("content-length: 1000", "{\"userName\":\"a"),
            ("transfer-encoding: chunked", "ff\r\n{\"userName\":\"ann\"}"),
            ("transfer-encoding: chunked", "zz\r\n{\"userName\":\"ann\"}"),
        ] {
            let mut stream = begun(w, address, length, body).await;
            stream.shutdown().await.unwrap();
            let answer = head_of(&mut stream).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{body}: {answer}");
        }
        assert_eq!(w.get("/Users").await.expect(200).body["totalResults"], json!(0));
        // Who comes after them is served.
        w.user("ann").await;
    });
}
