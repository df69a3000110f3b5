//! What is measured, of whom, and the bars that ours has to meet.

/// A program, by its file.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    pub(crate) is_ours: bool,
}

const OURS: Program = Program {
    name: "ours, by wasm-smtp",
    file: "smtp_client",
    is_ours: true,
};
const SESSION: Program = Program {
    name: "smtp-session",
    file: "smtp_session_client",
    is_ours: true,
};
const UPSTREAM: Program = Program {
    name: "wasm-smtp-wasi 0.18",
    file: "upstream",
    is_ours: false,
};
const PIPELINING: Program = Program {
    name: "wasm-smtp-wasi 0.18 with `pipelining`",
    file: "upstream_pipelining",
    is_ours: false,
};
const LETTRE: Program = Program {
    name: "lettre 0.11",
    file: "lettre_sync",
    is_ours: false,
};
const LETTRE_TOKIO: Program = Program {
    name: "lettre 0.11 on tokio",
    file: "lettre_tokio",
    is_ours: false,
};
const MAIL_SEND: Program = Program {
    name: "mail-send 0.7",
    file: "mail_send_tokio",
    is_ours: false,
};
const ASYNC_SMTP: Program = Program {
    name: "async-smtp 0.10",
    file: "async_smtp_tokio",
    is_ours: false,
};

const ALL: &[Program] = &[
    OURS,
    UPSTREAM,
    PIPELINING,
    LETTRE,
    LETTRE_TOKIO,
    MAIL_SEND,
    ASYNC_SMTP,
];
/// smtp-session beside the same.
const SESSIONS: &[Program] = &[SESSION, OURS, UPSTREAM, PIPELINING];
/// Those that read a mail piece by piece.
const STREAMING: &[Program] = &[OURS, UPSTREAM, PIPELINING];

/// What ours has to meet.
#[derive(Clone, Copy)]
pub(crate) enum Bar {
    /// The times of the program in this file / ours: at least.
    Ratio(&'static str, f64),
    /// Client flights of ours for each mail: at most. The closing alert is one
    /// more.
    Flights(f64),
    /// Milliseconds of ours for each mail: at most.
    Each(f64),
}

pub(crate) struct Measure {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    /// What the programs call it: their first argument.
    pub(crate) kind: &'static str,
    pub(crate) count: usize,
    pub(crate) size: usize,
    /// The first is what is measured, the others are what it is compared with.
    pub(crate) programs: &'static [Program],
    /// 20 ms each way.
    pub(crate) delay: bool,
    pub(crate) bars: &'static [Bar],
}

impl Measure {
    /// By what its count is divided for `program`: lettre and mail-send wait
    /// for 44 ms in each mail.
    pub(crate) fn share(&self, program: &Program) -> usize {
        let waits = [LETTRE, LETTRE_TOKIO, MAIL_SEND].map(|slow| slow.file);
        match self.kind == "mails" && self.count > 100 && waits.contains(&program.file) {
            true => 10,
            false => 1,
        }
    }

    /// With mails of so many bytes.
    pub(crate) fn title(&self, size: usize) -> String {
        let count = self.count;
        let size = match size {
            1_000_000.. => format!("{} MB", size / 1_000_000),
            _ => format!("{} KB", size / 1000),
        };
        let what = match self.kind {
            "mails" => format!("{count} × `send_mail` of {size} on one connection"),
            "stream" => format!("{count} × `send_mail_stream` of {size} on one connection"),
            "sessions" => format!("{count} sessions one after the other, one mail of {size} each"),
            "session" => format!("one whole session of {count} mails of {size}"),
            _ => format!("{count} sessions at once, one mail of {size} each"),
        };
        let delay = if self.delay { ", 40 ms round trip" } else { "" };
        what + delay
    }
}

pub(crate) const MEASURES: &[Measure] = &[
    Measure {
        name: "1kb",
        kind: "mails",
        count: 500,
        size: 1000,
        programs: ALL,
        delay: false,
        bars: &[
            Bar::Ratio(UPSTREAM.file, 1.0),
            Bar::Ratio(PIPELINING.file, 1.0),
        ],
    },
    Measure {
        name: "10kb",
        kind: "mails",
        count: 100,
        size: 10_000,
        programs: ALL,
        delay: false,
        bars: &[
            Bar::Ratio(UPSTREAM.file, 60.0),
            Bar::Ratio(PIPELINING.file, 60.0),
        ],
    },
    Measure {
        name: "stream",
        kind: "stream",
        count: 100,
        size: 1000,
        programs: STREAMING,
        delay: false,
        bars: &[
            Bar::Ratio(UPSTREAM.file, 60.0),
            Bar::Ratio(PIPELINING.file, 60.0),
        ],
    },
    Measure {
        name: "sessions",
        kind: "sessions",
        count: 50,
        size: 1000,
        programs: ALL,
        delay: false,
        bars: &[Bar::Flights(7.0)],
    },
    Measure {
        name: "25mb",
        kind: "mails",
        count: 1,
        size: 25_000_000,
        programs: ALL,
        delay: false,
        bars: &[
            Bar::Ratio(UPSTREAM.file, 2.5),
            Bar::Ratio(PIPELINING.file, 2.5),
        ],
    },
    Measure {
        name: "25mb-stream",
        kind: "stream",
        count: 1,
        size: 25_000_000,
        programs: STREAMING,
        delay: false,
        bars: &[
            Bar::Ratio(UPSTREAM.file, 2.5),
            Bar::Ratio(PIPELINING.file, 2.5),
        ],
    },
    Measure {
        name: "delay",
        kind: "session",
        count: 10,
        size: 1000,
        programs: STREAMING,
        delay: true,
        bars: &[
            Bar::Ratio(UPSTREAM.file, 1.0),
            Bar::Ratio(PIPELINING.file, 1.0),
        ],
    },
    Measure {
        name: "at-once",
        kind: "at-once",
        count: 20,
        size: 1000,
        programs: &[OURS, LETTRE_TOKIO, MAIL_SEND, ASYNC_SMTP],
        delay: true,
        bars: &[Bar::Ratio(LETTRE_TOKIO.file, 1.0 / 1.1)],
    },
    Measure {
        name: "session-1kb",
        kind: "mails",
        count: 500,
        size: 1000,
        programs: SESSIONS,
        delay: false,
        bars: &[Bar::Ratio(UPSTREAM.file, 2.0)],
    },
    Measure {
        name: "session-25mb",
        kind: "mails",
        count: 1,
        size: 25_000_000,
        programs: SESSIONS,
        delay: false,
        bars: &[Bar::Ratio(UPSTREAM.file, 3.0)],
    },
    Measure {
        name: "session-25mb-stream",
        kind: "stream",
        count: 1,
        size: 25_000_000,
        programs: SESSIONS,
        delay: false,
        bars: &[Bar::Ratio(UPSTREAM.file, 3.0)],
    },
    Measure {
        name: "session-delay",
        kind: "mails",
        count: 20,
        size: 1000,
        programs: SESSIONS,
        delay: true,
        bars: &[Bar::Each(88.0)],
    },
    Measure {
        name: "session-sessions",
        kind: "sessions",
        count: 50,
        size: 1000,
        programs: SESSIONS,
        delay: false,
        bars: &[Bar::Flights(6.0)],
    },
];
