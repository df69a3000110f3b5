//! The command as a user meets it, against a server that records each line and
//! misbehaves where a test wants it to: one module for each thing that a user
//! asks of it.

mod additions;
mod client_certificate;
mod deferred;
mod encoded;
mod envelope;
mod fixture;
mod folder;
mod killed;
mod large;
mod login;
mod mbox;
mod outputs;
mod partial;
mod settings;
mod told;
mod tries;
