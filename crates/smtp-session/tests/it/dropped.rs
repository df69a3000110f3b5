//! Streams that hesitate, and futures that are dropped at each moment.

use crate::peer::hesitant::Hesitant;
use crate::peer::{FULL, PIPELINED, Shape, TLS, envelope, good, has_end, mails, shaped, wire};
use futures_lite::future::block_on;
use smtp_session::{Body, Delivery, ErrorKind, Session};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn open(extensions: &[&str], shape: Shape) -> Session<Hesitant> {
    let stream = shaped(&good(extensions), shape);
    let mut session = Session::new(Hesitant::new(stream), TLS);
    block_on(session.hello("client.example")).expect("EHLO");
    session
}

const SHAPES: [Shape; 2] = [
    Shape {
        buffer_len: usize::MAX,
        read_len: usize::MAX,
        write_len: usize::MAX,
        broken_at: None,
        keep_wire: true,
    },
    Shape {
        buffer_len: 256,
        read_len: 7,
        write_len: 11,
        broken_at: None,
        keep_wire: true,
    },
];

#[test]
fn a_stream_that_hesitates_is_waited_for() {
    for extensions in [&FULL[..], &PIPELINED, &[]] {
        for shape in SHAPES {
            let mut session = open(extensions, shape);
            let body = "x".repeat(70) + "\r\n";
            let body = body.repeat(3000);
            let to = envelope(&["a@b", "c@d"]);
            for body in ["short", &body] {
                let mail = session.send(&to, Body::bytes(body));
                assert!(block_on(mail).is_ok_and(|receipt| receipt.is_complete()));
            }
            let stream = session.get_ref().stream.clone();
            block_on(session.quit()).expect("QUIT");
            assert_eq!(mails(&stream).len(), 2);
            assert!(stream.see(|link| link.is_closed));
        }
    }
}

/// What is said of the mail is what became of it, and nothing follows.
#[test]
fn a_future_may_be_dropped_at_each_moment() {
    for extensions in [&FULL[..], &PIPELINED, &[]] {
        for shape in SHAPES {
            let mut claims = Vec::new();
            for polls in 1.. {
                let mut session = open(extensions, shape);
                let to = envelope(&["a@b"]);
                let is_over = {
                    let mut mail = pin!(session.send(&to, Body::bytes("hello\r\n")));
                    let mut cx = Context::from_waker(Waker::noop());
                    (0..polls).any(|_| matches!(mail.as_mut().poll(&mut cx), Poll::Ready(Ok(_))))
                };
                let claim = session.given_up();
                if is_over {
                    assert_eq!(claim, None);
                    break;
                }
                let wire = wire(&session.get_ref().stream);
                match claim {
                    Some(Delivery::NotSent) => assert!(!has_end(&wire), "{polls}"),
                    Some(Delivery::MaybeSent) => {}
                    claim => panic!("{claim:?} after {polls} polls"),
                }
                claims.push(claim);
                assert!(!session.is_usable());
                let error = block_on(session.noop()).expect_err("over");
                assert!(matches!(error.kind(), ErrorKind::Unusable));
            }
            for claim in [Delivery::NotSent, Delivery::MaybeSent] {
                assert!(claims.contains(&Some(claim)), "{claims:?}");
            }
            assert!(claims.is_sorted_by_key(|claim| *claim == Some(Delivery::MaybeSent)));
        }
    }
}
