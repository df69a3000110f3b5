//! One connection through the proxy: two pumps, and the faults that concern them.

use std::io;

use tokio::net::TcpStream;

use super::pump::{Flow, Pump, State};
use super::record::{Log, Release};
use super::{Direction, Fault};

/// Forwards between the two until both directions have ended. An error of either resets both.
pub(super) async fn relay(
    mut client: TcpStream,
    mut server: TcpStream,
    [to_server, to_client]: [Flow; 2],
    log: &Log,
    index: usize,
) {
    let (from_client, into_client) = client.split();
    let (from_server, into_server) = server.split();
    let count = |direction| (log, index, direction);
    let mut relay = Relay {
        to_server: Pump::new(
            from_client,
            into_server,
            to_server,
            count(Direction::ToServer),
        ),
        to_client: Pump::new(
            from_server,
            into_client,
            to_client,
            count(Direction::ToClient),
        ),
        log,
        index,
    };
    if relay.run().await.is_err() {
        reset(client);
        reset(server);
    }
}

/// Closes with a RST.
pub(super) fn reset(stream: TcpStream) {
    // Nagle's algorithm may hold back the last bytes, and a reset discards what was not sent;
    // without delay they leave now. (Neither call fails on an open socket.)
    _ = stream.set_nodelay(true);
    _ = stream.set_zero_linger();
}

struct Relay<'a> {
    to_server: Pump<'a>,
    to_client: Pump<'a>,
    log: &'a Log,
    index: usize,
}

impl<'a> Relay<'a> {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            // Both before either forwards, since a fault at 0 bytes precedes every byte.
            for direction in [Direction::ToServer, Direction::ToClient] {
                if let Some(fault) = self.pump(direction).due_fault() {
                    self.log
                        .change(self.index, |record| record.fault_fired = true);
                    self.apply(direction, fault).await?;
                }
            }
            let states = [self.to_server.state, self.to_client.state];
            if states == [State::Over; 2] {
                return Ok(());
            }
            let release = tokio::select! {
                done = self.to_server.run() => { done?; continue }
                done = self.to_client.run() => { done?; continue }
                release = self.log.released(), if states.contains(&State::Stalled) => release,
            };
            if release == Release::Close {
                self.close().await;
            }
            self.to_server.turn(State::Stalled, State::Flowing);
            self.to_client.turn(State::Stalled, State::Flowing);
        }
    }

    fn pump(&mut self, direction: Direction) -> &mut Pump<'a> {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }

    async fn apply(&mut self, direction: Direction, fault: Fault) -> io::Result<()> {
        match fault {
            Fault::Close => self.close().await,
            Fault::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
            Fault::HalfClose => self.pump(direction).close().await,
            Fault::Stall => self.pump(direction).turn(State::Flowing, State::Stalled),
            Fault::StallAll => {
                self.to_server.turn(State::Flowing, State::Stalled);
                self.to_client.turn(State::Flowing, State::Stalled);
            }
        }
        Ok(())
    }

    async fn close(&mut self) {
        self.to_server.close().await;
        self.to_client.close().await;
    }
}
