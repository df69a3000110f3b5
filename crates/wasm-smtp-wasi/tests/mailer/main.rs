//! The mailer over a server in memory: what is tried again, what is reported, how
//! connections are kept.

mod blame;
mod chance;
mod connections;
mod deferred;
mod deliveries;
mod doubts;
mod errors;
mod headers;
mod limits;
mod logins;
mod messages;
mod servers;
mod support;
