//! The provider beside others, what a reviewer asked of it, and how long its keys last.

mod differential;
mod key_limits;
mod reviewed;
