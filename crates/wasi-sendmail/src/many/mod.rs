//! Sending several mails: where they come from, what became of each, and what
//! a person sees meanwhile.
//!
//! Nothing here knows SMTP. A run lists its mails (`folder`, `mbox`), asks the
//! `journal` which recipients are left, writes `begin` there, sends, and writes
//! what came out.

pub(crate) mod folder;
pub(crate) mod journal;
pub(crate) mod mbox;
pub(crate) mod progress;
pub(crate) mod run;
pub(crate) mod source;
pub(crate) mod summary;
pub(crate) mod timestamp;
