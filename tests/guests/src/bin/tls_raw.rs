//! tls-pump's driver against rustls by hand, in memory:
//! `tls_raw FOLDER ROUNDS BYTES`, with the server's PEM files in the folder.
//! Prints a line for each thing compared: the median time by hand in
//! milliseconds, the median of the ratios driver / by hand, and what was done.
//!
//! It builds natively as well, so that the two can be compared.

use test_guests::arg;
use test_guests::in_memory::Identity;
use test_guests::throughput::compare;

fn main() {
    let identity = Identity::read(arg::<String>(1));
    for done in compare(&identity, arg(3), arg(2)) {
        let milliseconds = done.by_hand.as_secs_f64() * 1000.0;
        println!("{milliseconds:.3} {:.3} {}", done.ratio, done.name);
    }
}
