//! The sessions and the engine against a server in memory: one module for each thing
//! that can be said of them.

mod ascii;
mod auth;
mod auth_corners;
mod connections;
mod content;
mod corners;
mod dropped;
mod engine;
mod failures;
mod field;
mod last_words;
mod peer;
mod properties;
mod sessions;
