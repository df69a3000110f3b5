//! All cases for one listener.

use crate::cases::{self, CASES, Case};
use crate::letter::{Kind, Letter};
use crate::report::Report;
use crate::session::{Dialogue, Lab, MECHANISMS, Session, Wrong};
use smtp_session::{ErrorKind, Extension, Mechanism, Options};
use std::cell::Cell;
use std::path::Path;

/// One listener of the lab.
pub(crate) struct Listener<'a> {
    lab: Lab,
    way: &'a str,
    kind: &'a str,
    port: u16,
    dialogue: Dialogue,
    letters: Cell<usize>,
}

/// How many lines of the dialogue tell what went wrong.
const TOLD: usize = 30;

impl<'a> Listener<'a> {
    /// `certificates`: the folder that has them.
    pub(crate) fn new(
        certificates: &Path,
        way: &'a str,
        kind: &'a str,
        port: u16,
    ) -> Result<Self, Wrong> {
        // Each has its own sessions to resume: GnuTLS breaks off when a session of
        // TLS 1.2 with one listener is offered to another that chooses TLS 1.3.
        let lab = Lab::new(certificates, kind == "mtls")?;
        Ok(Self {
            lab,
            way,
            kind,
            port,
            dialogue: Dialogue::default(),
            letters: Cell::new(0),
        })
    }

    fn letter(&self, kind: Kind) -> Letter {
        let number = self.letters.replace(self.letters.get() + 1);
        Letter::new(kind, &format!("{}-{}-{number}", self.way, self.kind))
    }

    /// Prints what a case came to, and, if it went wrong, what was said.
    fn report(&self, mechanism: Option<Mechanism>, case: &str, result: Result<Report, Wrong>) {
        let report = result.unwrap_or_else(Report::wrong);
        let mechanism = mechanism.map_or_else(|| "-".to_owned(), |one| one.to_string());
        report.print(self.kind, &mechanism, case);
        let said = self.dialogue.take();
        if report.is_wrong() {
            let (way, kind) = (self.way, self.kind);
            eprintln!("{way}, {kind}, {mechanism}, {case}:");
            for line in &said[said.len().saturating_sub(TOLD)..] {
                eprintln!("    {line}");
            }
        }
    }

    /// Runs all cases.
    pub(crate) async fn run(&self) {
        let offered = match self.offered().await {
            Ok(offered) => offered,
            Err(error) => return self.report(None, "session", Err(error)),
        };
        let names: Vec<_> = offered.iter().map(ToString::to_string).collect();
        self.report(None, "session", Ok(Report::Right(names.join(" "))));
        if self.kind == "plain" {
            self.report(
                None,
                "AUTH without leave",
                self.without_leave(&offered).await,
            );
        }
        for mechanism in &offered {
            let result = self.wrong_secret(*mechanism).await;
            self.report(Some(*mechanism), "wrong secret", result);
            self.two_mails(Some(*mechanism)).await;
        }
        if offered.is_empty() {
            self.two_mails(None).await;
        }
        self.all_mails(offered.first().copied()).await;
    }

    /// The mechanisms that both have.
    async fn offered(&self) -> Result<Vec<Mechanism>, Wrong> {
        let session = self.open(Options::default()).await?;
        let offers = |one: &Mechanism| session.capabilities().has_mechanism(*one);
        let offered = MECHANISMS.into_iter().filter(offers).collect();
        self.quit(None, session).await;
        Ok(offered)
    }

    /// Reports what goes wrong only.
    async fn quit(&self, mechanism: Option<Mechanism>, session: Session) {
        if session.is_usable()
            && let Err(error) = session.quit().await
        {
            self.report(mechanism, "QUIT", Err(error.into()));
        }
    }

    async fn open(&self, options: Options) -> Result<Session, Wrong> {
        let options = options.allow_plaintext_auth(self.kind == "plain");
        self.lab
            .open(self.kind, self.port, options, &self.dialogue)
            .await
    }

    /// A session that may send mails.
    async fn enter(
        &self,
        mechanism: Option<Mechanism>,
        options: Options,
    ) -> Result<Session, Wrong> {
        let mut session = self.open(options).await?;
        if let Some(mechanism) = mechanism {
            let credentials = self.lab.credentials(mechanism, true)?;
            session.authenticate(&credentials).await?;
            if session.mechanism() != Some(mechanism) {
                return Err("AUTH went by another mechanism".into());
            }
        }
        Ok(session)
    }

    /// Without TLS, no secret is sent unless that is allowed.
    async fn without_leave(&self, offered: &[Mechanism]) -> Result<Report, Wrong> {
        let options = Options::default();
        let mut session = self
            .lab
            .open(self.kind, self.port, options, &self.dialogue)
            .await?;
        let mechanism = offered.first().ok_or("it offers no AUTH")?;
        let credentials = self.lab.credentials(*mechanism, true)?;
        let result = session.authenticate(&credentials).await;
        self.quit(None, session).await;
        Ok(match result {
            Err(error) if matches!(error.kind(), ErrorKind::PlaintextAuth) => {
                Report::Right(String::new())
            }
            Err(error) => Report::unexpected(&error),
            Ok(()) => Report::wrong("AUTH went on"),
        })
    }

    async fn wrong_secret(&self, mechanism: Mechanism) -> Result<Report, Wrong> {
        let mut session = self.open(Options::default()).await?;
        let credentials = self.lab.credentials(mechanism, false)?;
        Ok(match session.authenticate(&credentials).await {
            Err(error) => match error.kind() {
                ErrorKind::Refused(reply) if reply.is_permanent() => Report::Right(String::new()),
                _ => Report::unexpected(&error),
            },
            Ok(()) => Report::wrong("the server takes a wrong secret"),
        })
    }

    /// To one recipient and to many, in one session.
    async fn two_mails(&self, mechanism: Option<Mechanism>) {
        let mut session = match self.enter(mechanism, Options::default()).await {
            Ok(session) => session,
            Err(error) => return self.report(mechanism, "1 recipient", Err(error)),
        };
        let one = cases::one(&mut session, &self.letter(Kind::Short)).await;
        self.report(mechanism, "1 recipient", one);
        let many = cases::many(&mut session, &self.letter(Kind::Short)).await;
        self.report(mechanism, "100 recipients", many);
        self.quit(mechanism, session).await;
    }

    /// One after the other in one session, as long as it lives.
    async fn all_mails(&self, mechanism: Option<Mechanism>) {
        let mut open: Option<(Session, bool)> = None;
        for (case, name) in CASES {
            let chunking = case != Case::Data;
            let kept = match open.take() {
                Some((session, had)) if had == chunking && session.is_usable() => Some(session),
                Some((session, _)) => {
                    self.quit(mechanism, session).await;
                    None
                }
                None => None,
            };
            let entered = match kept {
                Some(session) => Ok(session),
                None => {
                    let options = Options::default().chunking(chunking);
                    self.enter(mechanism, options).await
                }
            };
            let mut session = match entered {
                Ok(session) => session,
                Err(error) => {
                    self.report(mechanism, name, Err(error));
                    continue;
                }
            };
            self.dialogue.take();
            let result = case.run(&mut session, &self.letter(case.kind())).await;
            let result = self.check_command(case, &session, result);
            // What one mail comes to in the end is not the next one's matter.
            let keep = result.as_ref().is_ok_and(|report| !report.is_wrong());
            self.report(mechanism, name, result);
            if keep {
                open = Some((session, chunking));
            }
        }
        if let Some((session, _)) = open {
            self.quit(mechanism, session).await;
        }
    }

    /// Whether the mail went by the commands that the case is about.
    fn check_command(
        &self,
        case: Case,
        session: &Session,
        result: Result<Report, Wrong>,
    ) -> Result<Report, Wrong> {
        let report = result?;
        let Report::Mail { id, to, .. } = report else {
            return Ok(report);
        };
        let offers = |extension| session.capabilities().has(extension);
        let chunking = offers(Extension::Chunking) && offers(Extension::Pipelining);
        // An empty mail goes by DATA: Exim 4.100.1 does not answer one that comes by chunks.
        let by_bdat = chunking && !matches!(case, Case::Data | Case::Empty);
        let said = self.dialogue.peek();
        let client = |command: &str| said.iter().any(|line| line[3..].starts_with(command));
        if client("BDAT") != by_bdat || client("DATA") == by_bdat {
            return Ok(Report::wrong("it went by the other of BDAT and DATA"));
        }
        let asked = |what: &str| said.iter().any(|line| line.contains(what));
        let dsn = asked(" RET=HDRS ENVID=") && asked(" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;");
        if dsn != (case == Case::Dsn) {
            return Ok(Report::wrong(
                "the parameters of DSN are not where they belong",
            ));
        }
        let note = match case {
            Case::Bdat if !chunking => "not offered".to_owned(),
            _ => String::new(),
        };
        Ok(Report::Mail { id, to, note })
    }
}
