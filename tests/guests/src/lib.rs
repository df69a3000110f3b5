//! What the guests share. Each is a program of its own in `src/bin`, run by the
//! host test of the same name; it panics on what it does not expect.

use std::str::FromStr;

/// The argument at `index` (1 is the first behind the program's name).
///
/// # Panics
///
/// When there is none, or it is of another type.
#[must_use]
pub fn arg<T: FromStr>(index: usize) -> T {
    let arg = std::env::args()
        .nth(index)
        .unwrap_or_else(|| panic!("argument {index} is missing"));
    arg.parse()
        .unwrap_or_else(|_| panic!("argument {index} is of another type: {arg}"))
}

/// The workspace README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
