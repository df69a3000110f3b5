//! How often the driver allocates: as rustls by hand does, and for a bulk of
//! writes once more. Alone in its program, since the allocator counts for all of
//! it.

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use test_guests::clients::{ByHand, Client, Driver, RECORD, Setup};
use test_guests::in_memory::{Identity, Server};
use test_host::server_folder::ServerFolder;
use tls_pump_crypto::cipher_suite::TLS13_AES_128_GCM_SHA256;

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many records are moved at once, and how many round trips made.
const TIMES: usize = 64;

/// What each record of TLS 1.3 adds to its plaintext: header, type, tag.
const OVERHEAD: usize = 5 + 1 + 16;

/// What was asked of the allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    allocations: usize,
    reallocations: usize,
}

/// rustls allocates each record that it makes or has taken apart.
const ONE_PER_RECORD: usize = TIMES;

/// The driver puts what waits into a buffer that grows from one record to two,
/// and gives it back when all has left.
const WRITE_BUFFER: Counts = Counts {
    allocations: 1,
    reallocations: 1,
};

fn count(work: impl FnOnce()) -> Counts {
    let region = Region::new(GLOBAL);
    work();
    let change = region.change();
    Counts {
        allocations: change.allocations,
        reallocations: change.reallocations,
    }
}

/// Twice, as the first time makes what stays.
fn settled(mut work: impl FnMut() -> Counts) -> Counts {
    work();
    work()
}

fn bulk_read<C: Client>((mut client, mut server): (C, Server)) -> Counts {
    let plaintext = vec![7; TIMES * RECORD];
    settled(|| {
        server.send(&plaintext);
        count(|| client.receive(plaintext.len()))
    })
}

fn bulk_write<C: Client>((mut client, _server): (C, Server)) -> Counts {
    let record = [7; RECORD];
    client.wire().sink();
    let counts = settled(|| {
        count(|| {
            (0..TIMES).for_each(|_| client.send(&record));
            client.flush();
        })
    });
    let expected = 2 * TIMES * (RECORD + OVERHEAD);
    assert_eq!(client.wire().sunk(), expected, "every record is full");
    counts
}

fn round_trips<C: Client>((mut client, mut server): (C, Server)) -> Counts {
    client.wire().sink();
    settled(|| {
        for _ in 0..TIMES {
            server.send(b"hello");
        }
        count(|| {
            for _ in 0..TIMES {
                client.send(b"hello");
                client.flush();
                client.receive(5);
            }
        })
    })
}

#[test]
fn the_driver_allocates_as_rustls_by_hand_does() {
    let folder = ServerFolder::short().unwrap();
    let identity = Identity::read(folder.path());
    let setup = Setup::new(&identity, TLS13_AES_128_GCM_SHA256);

    let by_hand = bulk_read::<ByHand>(setup.connect());
    println!("bulk read, by hand: {by_hand:?}");
    assert_eq!(by_hand.allocations, ONE_PER_RECORD);
    assert_eq!(bulk_read::<Driver>(setup.connect()), by_hand);

    let by_hand = round_trips::<ByHand>(setup.connect());
    println!("round trips, by hand: {by_hand:?}");
    assert_eq!(by_hand.allocations, 2 * ONE_PER_RECORD);
    assert_eq!(round_trips::<Driver>(setup.connect()), by_hand);

    let by_hand = bulk_write::<ByHand>(setup.connect());
    println!("bulk write, by hand: {by_hand:?}");
    assert_eq!(by_hand.allocations, ONE_PER_RECORD);
    let driver = Counts {
        allocations: by_hand.allocations + WRITE_BUFFER.allocations,
        reallocations: by_hand.reallocations + WRITE_BUFFER.reallocations,
    };
    assert_eq!(bulk_write::<Driver>(setup.connect()), driver);
}
