//! The driver when the stream below waits, fails or is short, at each point of
//! a conversation in turn.

#![cfg(all(any(feature = "pure", feature = "ring"), feature = "tls12"))]

use crate::common::{BOTH, Ca, Pair};
use std::io;
use tls_pump::Error;

/// A conversation in which nothing may be missing. How many polls of the stream
/// below it took.
fn talk(pair: &mut Pair) -> Result<usize, Error> {
    let said: Vec<u8> = (0..20_000).map(|i| (i % 251) as u8).collect();
    pair.write_all(b"early")?;
    pair.handshake()?;
    pair.write_all(&said)?;
    pair.flush()?;
    assert_eq!(pair.read_exact(5)?, b"early");
    assert!(pair.read_exact(said.len())? == said);
    pair.server.close_notify();
    assert_eq!(pair.read()?, b"");
    pair.close()?;
    pair.server.pump();
    assert!(pair.server.closed);
    assert_eq!(pair.server.error, None);
    assert_eq!(pair.server.received.len(), 5 + said.len());
    Ok(pair.pipe.wire().polls())
}

/// Runs the conversation once for each poll of the stream below.
fn at_each_point(mut run: impl FnMut(&mut Pair, usize)) {
    let ca = Ca::new();
    for version in BOTH {
        let (client, server) = (
            ca.client_with(|builder| builder.sessions(0)),
            ca.server(version),
        );
        let new = || {
            let pair = Pair::new(&client, &server);
            pair.pipe.wire().segment = 4_000;
            pair
        };
        let polls = talk(&mut new()).unwrap();
        assert!(polls > 20, "{polls}");
        for point in 0..polls {
            run(&mut new(), point);
        }
    }
}

#[test]
fn pending_at_every_point() {
    at_each_point(|pair, point| {
        pair.pipe.wire().pending_at = Some(point);
        talk(pair).unwrap();
    });
}

#[test]
fn an_error_at_every_point() {
    at_each_point(|pair, point| {
        pair.pipe.wire().error_at = Some((point, io::ErrorKind::TimedOut));
        let error = talk(pair).unwrap_err();
        assert_eq!(error.io_kind(), io::ErrorKind::TimedOut, "{point}: {error}");
        assert!(matches!(error, Error::Io(_)));
    });
}

#[test]
fn one_byte_at_a_time_from_every_point_on() {
    at_each_point(|pair, point| {
        // Every so often is enough: it is the slowest of all.
        if point % 5 == 0 {
            pair.pipe.wire().short_from = Some(point);
            talk(pair).unwrap();
        }
    });
}
