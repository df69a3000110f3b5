//! The memory that a mail takes: the largest that is read fits a component of 2 GiB.

use super::fixture::Fixture;

const MIB: usize = 1024 * 1024;

/// The largest mail has so many times the length of those here.
const TIMES: usize = 128 / 4;

#[tokio::test]
async fn the_largest_mail_fits_2_gib_even_if_all_of_it_is_encoded() {
    for line in ["x".repeat(76), "\u{e4}".repeat(38)] {
        let fixture = Fixture::offering(&["PIPELINING"], |_| None).await;
        let body = format!("{line}\n").repeat(4 * MIB / 77);
        let mail = format!("From: a@test.local\nTo: b@test.local\nSubject: s\n\n{body}");
        let outcome = fixture.guest(&["-t"]).stdin(mail).run().await;
        let memory = outcome.expect_success().memory;
        assert!(memory * TIMES < 2048 * MIB, "{} MiB", memory / MIB);
    }
}
