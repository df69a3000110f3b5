//! What tls-pump promises, with each set of its features: one module for each thing.

#[path = "../common/mod.rs"]
mod common;

mod cases;
mod certificates;
mod client_certificates;
mod config;
mod endings;
mod engine;
mod every_point;
mod foreign_stream;
mod halves;
mod hostile;
mod keylog;
mod policies;
mod reported;
mod resumption;
mod splits;
mod stream;
mod without_features;
