//! The guests inside wasmtime, the command as a person meets it, strangers on the other
//! side, and the tools of these tests themselves: one module for each.

mod bad_certificates;
mod fault;
mod guests_net;
mod guests_peers;
mod guests_smtp;
mod guests_smtp_demands;
mod guests_smtp_faults;
mod guests_streams;
mod guests_tls;
mod library_rules;
mod old_aiosmtpd;
mod openssl;
mod sendmail;
mod sendmail_cases;
mod smtp_server;
