//! Host stores of a test's own.
