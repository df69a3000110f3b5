//! The mails of `cargo xtask interop mail`: made from their names, so that the
//! programs that send them and the one that looks for them agree.

/// What a mail is there to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A few lines of ASCII.
    Short,
    /// 25 MB.
    Long,
    /// Lines that begin with dots.
    Dots,
    /// Bytes beyond ASCII.
    EightBit,
    /// Several chunks of BDAT.
    Chunks,
    /// With a header field that the lab's servers refuse.
    Rejected,
    /// Nothing at all.
    Empty,
}

const KINDS: [(Kind, &str); 7] = [
    (Kind::Short, "short"),
    (Kind::Long, "long"),
    (Kind::Dots, "dots"),
    (Kind::EightBit, "eightbit"),
    (Kind::Chunks, "chunks"),
    (Kind::Rejected, "rejected"),
    (Kind::Empty, "empty"),
];

/// A line of the long ones, with its number in front.
const FILLER: &str = "the same words again, so that a mail gets as long as it has to be\r\n";
const LINE_LEN: usize = 8 + 1 + FILLER.len();

/// One mail.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) kind: Kind,
    /// `interop-KIND-...-end`: it stands in the mail, but for an empty one.
    pub(crate) id: String,
}

impl Letter {
    /// One of that kind; `unique` is of letters, digits and `-`.
    pub(crate) fn new(kind: Kind, unique: &str) -> Self {
        let (_, name) = KINDS[kind as usize];
        let id = format!("interop-{name}-{unique}-end");
        Self { kind, id }
    }

    /// The one of that name.
    pub(crate) fn named(id: &str) -> Option<Self> {
        let name = id.strip_prefix("interop-")?.split('-').next()?;
        let (kind, _) = KINDS.iter().find(|(_, known)| *known == name)?;
        let id = id.to_owned();
        Some(Self { kind: *kind, id })
    }

    /// How many lines are behind its beginning.
    fn lines(&self) -> usize {
        match self.kind {
            Kind::Long => 25_000_000 / LINE_LEN,
            Kind::Chunks => 200_000 / LINE_LEN,
            _ => 0,
        }
    }

    fn beginning(&self) -> String {
        let encoding = match self.kind {
            Kind::Empty => return String::new(),
            Kind::EightBit => "8bit",
            _ => "7bit",
        };
        let text = match self.kind {
            Kind::Dots => {
                ".\r\n..\r\n...\r\n.a\r\n..b\r\n\r\n.\r\n. \r\nfull stop.\r\n.QUIT\r\n.\r\n"
                    .to_owned()
            }
            Kind::EightBit => format!("Grüße 你好 📧\r\n.é\r\n{}\r\n", "ü".repeat(400)),
            _ => "a line\r\n trailing \r\n\ttab\t\r\n\r\nFrom here\r\n".to_owned(),
        };
        let id = &self.id;
        let header = [
            "From: User <user@test.local>",
            "To: User <user@test.local>",
            &format!("Subject: {id}"),
            &format!("Message-ID: <{id}@test.local>"),
            "Date: Sat, 22 Nov 2025 12:00:00 +0000",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            &format!("Content-Transfer-Encoding: {encoding}"),
        ];
        let rejected = match self.kind {
            Kind::Rejected => "X-Lab-Reject: yes\r\n",
            _ => "",
        };
        format!("{rejected}{}\r\n\r\n{text}", header.join("\r\n"))
    }

    /// How long it is.
    pub(crate) fn len(&self) -> usize {
        self.beginning().len() + self.lines() * LINE_LEN
    }

    /// It in pieces.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = String> + use<> {
        const AT_ONCE: usize = 100;
        let lines = self.lines();
        let rest = (0..lines).step_by(AT_ONCE).map(move |first| {
            (first..lines.min(first + AT_ONCE))
                .map(|number| format!("{number:08} {FILLER}"))
                .collect()
        });
        std::iter::once(self.beginning()).chain(rest)
    }

    /// All of it.
    pub(crate) fn text(&self) -> String {
        self.pieces().collect()
    }
}
