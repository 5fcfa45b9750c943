//! An HTTP server that records what it is sent and answers from a script.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use vmgroup_vim::{Address, Client, ClientConfig, Limits};

/// What the server does with a request, once it has read all of it.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Sends an answer; `headers` are whole lines.
    Answer {
        status: u16,
        headers: Vec<String>,
        body: Vec<u8>,
    },
    /// Sends nothing and keeps the connection open.
    Silence,
    /// Closes the connection without an answer.
    Close,
    /// Sends the head and half of the body, and closes the connection.
    Half { body: Vec<u8> },
    /// Sends the head and half of the body, and keeps the connection open.
    HalfThenSilence { body: Vec<u8> },
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Answer {
            status: 200,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    pub(crate) fn status(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }
}

pub(crate) struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Recorded>>>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Server {
    /// Answers the requests in turn; the last reply is repeated.
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            let mut kept = Vec::new();
            let mut replies = replies.into_iter().peekable();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                recorded.lock().unwrap().push(request);
                let reply = replies.peek().cloned().unwrap();
                if replies.len() > 1 {
                    replies.next();
                }
                if answer(&mut stream, reply).await {
                    kept.push(stream);
                }
            }
        });
        Self {
            port,
            requests,
            task,
        }
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(Limits::default())
    }

    pub(crate) fn client_with(&self, limits: Limits) -> Client {
        client(self.port, limits)
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn client(port: u16, limits: Limits) -> Client {
    let address = Address::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    Client::new(&ClientConfig {
        limits,
        ..ClientConfig::new(address)
    })
    .unwrap()
}

/// Limits under which a test that waits for them ends soon.
pub(crate) fn impatient() -> Limits {
    Limits {
        request_timeout: Duration::from_secs(1),
        wait_slack: Duration::from_secs(1),
        ..Limits::default()
    }
}

/// An envelope with this in its body.
pub(crate) fn envelope(body: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsd="http://www.w3.org/2001/XMLSchema"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"#
    )
}

/// The answer of a method that returns this.
pub(crate) fn returned(method: &str, values: &str) -> String {
    envelope(&format!(
        r#"<{method}Response xmlns="urn:vim25">{values}</{method}Response>"#
    ))
}

async fn answer(stream: &mut TcpStream, reply: Reply) -> bool {
    match reply {
        Reply::Answer {
            status,
            headers,
            body,
        } => {
            let mut head = format!(
                "HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\nConnection: close\r\n",
                body.len()
            );
            for header in headers {
                head.push_str(&header);
                head.push_str("\r\n");
            }
            head.push_str("\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            // A client that refuses a long body closes before it has all of it.
            let _ = stream.write_all(&body).await;
            let _ = stream.shutdown().await;
            false
        }
        Reply::Silence => true,
        Reply::Close => false,
        Reply::Half { body } | Reply::HalfThenSilence { body } if body.is_empty() => {
            unreachable!("half of nothing is a whole answer")
        }
        Reply::Half { body } => {
            send_half(stream, &body).await;
            false
        }
        Reply::HalfThenSilence { body } => {
            send_half(stream, &body).await;
            true
        }
    }
}

async fn send_half(stream: &mut TcpStream, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 200 Scripted\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..body.len() / 2]).await.unwrap();
}

async fn read_request(stream: &mut TcpStream) -> Recorded {
    let mut bytes = Vec::new();
    loop {
        let read = stream.read_buf(&mut bytes).await.unwrap();
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            if bytes.len() >= end + 4 + content_length(&head) {
                let body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
                return Recorded { head, body };
            }
        }
        assert_ne!(read, 0, "the client closed the connection in its request");
    }
}

fn content_length(head: &str) -> usize {
    let mut lengths = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().unwrap())
    });
    lengths.next_back().unwrap_or(0)
}
