//! Output that can't be written decides about no mail and no exit code.

use super::fixture::{Fixture, MAIL};
use test_host::guest::Ending;

/// Standard output and error that are closed, and that are full after a few bytes.
const LENS: [usize; 2] = [0, 7];

#[tokio::test]
async fn a_mail_is_sent_whoever_hears_of_it() {
    for len in LENS {
        for flags in [&["-v"][..], &[]] {
            let fixture = Fixture::with(|_| None).await;
            let to = [flags, &["a@test.local"]].concat();
            let outcome = fixture.guest(&to).output_len(len).run().await;
            assert_eq!(outcome.ending, Ending::Exit(0), "{flags:?} {len}");
            assert_eq!(fixture.settled().await.mails.len(), 1);
        }
    }
}

#[tokio::test]
async fn each_way_to_end_keeps_its_code() {
    for len in LENS {
        let fixture = Fixture::with(|asked| {
            let refused = asked.line.starts_with("RCPT TO:<no");
            refused.then(|| "550 5.1.1 no such user".into())
        })
        .await;
        for (args, code) in [
            // Refused, for one of two and for all; a usage.
            (&["-v", "no@test.local", "a@test.local"][..], 67),
            (&["no@test.local"], 67),
            (&["--nonsense"], 64),
            // What only prints.
            (&["--help"], 74),
            (&["--version"], 74),
            (&["--dry-run", "a@test.local"], 74),
            (&["--verify"], 74),
        ] {
            let guest = fixture.guest(args).stdin(MAIL);
            let outcome = guest.output_len(len).run().await;
            assert_eq!(outcome.ending, Ending::Exit(code), "{args:?} {len}");
        }
    }
}
