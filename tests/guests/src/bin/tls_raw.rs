//! tls-pump's driver against rustls by hand, in memory:
//! `tls_raw FOLDER ROUNDS BYTES`, with the server's PEM files in the folder.
//! Prints a line for each thing compared: the median time by hand in
//! milliseconds, the medians of the ratios driver / by hand and driver / by hand
//! with a buffer, and what was done.
//!
//! It builds natively as well, so that the two can be compared.

use test_guests::arg;
use test_guests::in_memory::Identity;
use test_guests::throughput::compare;

fn main() {
    let identity = Identity::read(arg::<String>(1));
    for done in compare(&identity, arg(3), arg(2)) {
        let milliseconds = done.by_hand.as_secs_f64() * 1000.0;
        let (ratio, buffered) = (done.ratio, done.buffered_ratio);
        println!("{milliseconds:.3} {ratio:.3} {buffered:.3} {}", done.name);
    }
}
