//! The stream in memory: its limits, its ends, and who is woken.

use smtp_test_server::memory::{Shape, Stream};
use smtp_test_server::{Deviation, Rules, Server, Then};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

fn read(stream: &Stream) -> Poll<std::io::Result<String>> {
    let mut buf = [0; 1024];
    let read = stream.poll_read(&mut Context::from_waker(Waker::noop()), &mut buf);
    read.map_ok(|len| String::from_utf8_lossy(&buf[..len]).into_owned())
}

fn write(stream: &Stream, text: &str) -> Poll<std::io::Result<usize>> {
    stream.poll_write(&mut Context::from_waker(Waker::noop()), text.as_bytes())
}

/// Reads what is there.
fn drain(stream: &Stream) {
    while let Poll::Ready(Ok(text)) = read(stream) {
        assert_ne!(text, "", "it is over");
    }
}

/// Says EHLO, so that commands may be pipelined.
fn hello(stream: &Stream) {
    drain(stream);
    let mut line = "EHLO a\r\n";
    while !line.is_empty() {
        line = &line[ready(write(stream, line))..];
        drain(stream);
    }
}

#[track_caller]
fn ready<T>(poll: Poll<std::io::Result<T>>) -> T {
    match poll {
        Poll::Ready(Ok(value)) => value,
        Poll::Ready(Err(error)) => panic!("{error}"),
        Poll::Pending => panic!("it waits"),
    }
}

fn error<T>(poll: Poll<std::io::Result<T>>) -> Option<ErrorKind> {
    match poll {
        Poll::Ready(Err(error)) => Some(error.kind()),
        _ => None,
    }
}

#[test]
fn what_is_said_is_read_and_what_is_not_waits() {
    let server = Server::new(Rules::default());
    let stream = Stream::new(&server);
    assert!(ready(read(&stream)).starts_with("220 "));
    assert!(read(&stream).is_pending());
    assert_eq!(ready(write(&stream, "NOOP\r\n")), 6);
    assert_eq!(ready(read(&stream)), "250 2.0.0 done\r\n");
    stream.inject("421 idle\r\n");
    assert_eq!(ready(read(&stream)), "421 idle\r\n");
    ready(write(&stream, "QUIT\r\n"));
    assert_eq!(ready(read(&stream)), "221 2.0.0 bye\r\n");
    assert_eq!(ready(read(&stream)), "");
    stream.close();
    assert!(stream.see(|link| link.is_closed) && server.seen().closed() == 1);
}

#[test]
fn a_shape_limits_reads_writes_and_what_waits() {
    let shape = Shape {
        buffer_len: 40,
        read_len: 7,
        write_len: 5,
        broken_at: Some(100),
        keep_wire: true,
    };
    let stream = Stream::shaped(&Server::new(Rules::default()), shape);
    assert_eq!(ready(read(&stream)), "220 smt");
    hello(&stream);
    assert_eq!(ready(write(&stream, "RSET\r\n")), 5);
    assert_eq!(stream.see(|link| link.offered.clone()), b"\n");
    ready(write(&stream, "\n"));
    assert_eq!(stream.see(|link| link.flights), 2);
    assert_eq!(stream.see(|link| link.wire.clone()), b"EHLO a\r\nRSET\r\n");
    // The server reads no more once so much of what it says is not read.
    let mut written = 14;
    while let Poll::Ready(Ok(len)) = write(&stream, &"RSET\r\n"[(written - 8) % 6..]) {
        written += len;
    }
    assert!((54..100).contains(&written), "{written}");
    drain(&stream);
    while written < 100 {
        written += ready(write(&stream, &"RSET\r\n"[(written - 8) % 6..]));
        drain(&stream);
    }
    assert_eq!(error(write(&stream, "x")), Some(ErrorKind::ConnectionReset));
    assert_eq!(ready(read(&stream)), "");
}

#[test]
fn each_end_is_what_a_socket_gives() {
    for (then, read_error, write_error) in [
        (Then::End, None, None),
        (Then::HalfClose, None, None),
        (Then::Close, None, Some(ErrorKind::BrokenPipe)),
        (
            Then::Reset,
            Some(ErrorKind::ConnectionReset),
            Some(ErrorKind::BrokenPipe),
        ),
    ] {
        let server = Server::with(Rules::default(), move |asked| {
            let quit = asked.is("NOOP");
            quit.then(|| Deviation::write("bye").then(then.clone()))
        });
        let stream = Stream::new(&server);
        ready(read(&stream));
        ready(write(&stream, "NOOP\r\n"));
        assert_eq!(ready(read(&stream)), "bye");
        assert_eq!(error(write(&stream, "x")), write_error);
        let end = read(&stream);
        assert!(read_error.is_some() || matches!(&end, Poll::Ready(Ok(text)) if text.is_empty()));
        assert_eq!(error(end), read_error);
    }
    let server = Server::new(Rules::default());
    let stream = Stream::new(&server);
    ready(read(&stream));
    server.hang_up();
    assert_eq!(error(write(&stream, "x")), Some(ErrorKind::BrokenPipe));
    assert_eq!(ready(read(&stream)), "");
}

#[test]
fn what_is_repeated_has_no_end_and_what_is_held_no_reply() {
    let server = Server::with(Rules::default(), |asked| {
        let flood = asked.is("NOOP").then(|| Deviation::flood("250-x\r\n"));
        flood.or_else(|| asked.is("RSET").then(|| Deviation::only(Then::Hold)))
    });
    let stream = Stream::new(&server);
    ready(read(&stream));
    ready(write(&stream, "NOOP\r\n"));
    for _ in 0..100 {
        assert_eq!(ready(read(&stream)), "250-x\r\n");
    }
    assert_eq!(server.seen().connections[0].repeated, 700);
    let stream = Stream::new(&server);
    ready(read(&stream));
    ready(write(&stream, "RSET\r\n"));
    ready(write(&stream, "NOOP\r\n"));
    assert!(read(&stream).is_pending());
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whoever waits is woken by what he waits for: a reply, room, an end, a record.
#[test]
fn who_waits_is_woken() {
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(count.clone());
    let mut cx = Context::from_waker(&waker);
    let woken = || count.0.swap(0, Ordering::Relaxed) > 0;
    let server = Server::new(Rules::default());
    let stream = Stream::new(&server);
    ready(read(&stream));
    assert!(stream.poll_read(&mut cx, &mut [0; 9]).is_pending() && !woken());
    ready(write(&stream, "NOOP\r\n"));
    assert!(woken(), "a reply is there");
    ready(read(&stream));
    assert!(stream.poll_read(&mut cx, &mut [0; 9]).is_pending());
    stream.inject("x");
    assert!(woken(), "something is there");
    ready(read(&stream));
    assert!(stream.poll_read(&mut cx, &mut [0; 9]).is_pending());
    server.hang_up();
    assert!(woken(), "the server hung up");

    let server = Server::new(Rules::default());
    let stream = Stream::new(&server);
    ready(read(&stream));
    let wait = server.wait(|seen| seen.count("RSET") == 1);
    let mut wait = std::pin::pin!(wait);
    assert!(wait.as_mut().poll(&mut cx).is_pending() && !woken());
    ready(write(&stream, "RSET\r\n"));
    assert!(woken(), "the line is there");
    assert!(wait.as_mut().poll(&mut cx).is_ready());
}

/// Who writes to a server that does not read is woken by room, and by an end.
#[test]
fn who_waits_for_room_is_woken() {
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(count.clone());
    let mut cx = Context::from_waker(&waker);
    let woken = || count.0.swap(0, Ordering::Relaxed) > 0;
    let shape = Shape {
        buffer_len: 30,
        broken_at: Some(1000),
        ..Shape::default()
    };
    let server = Server::with(Rules::default(), |asked| {
        asked.is("NOOP").then(|| Deviation::only(Then::Stop))
    });
    let stream = Stream::shaped(&server, shape);
    hello(&stream);
    while let Poll::Ready(sent) = stream.poll_write(&mut cx, b"RSET\r\n") {
        sent.expect("open");
    }
    woken();
    drain(&stream);
    assert!(woken(), "there is room");
    let stream = Stream::shaped(&server, shape);
    hello(&stream);
    ready(write(&stream, "NOOP\r\n"));
    while let Poll::Ready(sent) = stream.poll_write(&mut cx, b"RSET\r\n") {
        sent.expect("open");
    }
    woken();
    server.hang_up();
    assert!(woken(), "the server hung up");
    assert_eq!(error(write(&stream, "x")), Some(ErrorKind::BrokenPipe));
}
