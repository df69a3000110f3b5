//! What the fuzz targets do, for cargo-fuzz and for the tests by chance of
//! `tests/fuzz_smoke.rs`.

use base64ct::{Base64, Encoding as _};
use smtp_session::{
    Address, Credentials, Delivery, Engine, Envelope, Error, Extension, Form, Mechanism, Options,
    Protocol, Receipt, Ret, Security,
};

const TLS: Security = Security::Tls {
    exporter: Some([7; 32]),
};

/// A session whose server says what it is given.
struct Dialogue {
    engine: Engine,
    wire: Vec<u8>,
}

impl Dialogue {
    fn new(options: Options, ehlo: &[u8]) -> Self {
        let engine = Engine::new(TLS, options);
        let wire = Vec::new();
        let mut dialogue = Self { engine, wire };
        dialogue.engine.hello("client.example");
        dialogue.engine.handle_input(b"220 hi\r\n");
        dialogue.write();
        dialogue.engine.handle_input(ehlo);
        dialogue
    }

    /// The stream takes all, and the body comes.
    fn write(&mut self) {
        let mut body: &[u8] = b".\r\nline\n..\r\n";
        while self.engine.has_output() || self.engine.wants_body() {
            if self.engine.wants_body() {
                if body.is_empty() {
                    self.engine.end_body();
                } else {
                    self.engine.body(std::mem::take(&mut body));
                }
            }
            let len = self.engine.output().len();
            self.wire.extend_from_slice(self.engine.output());
            self.engine.sent(len);
        }
    }

    /// Gives `input` in pieces, then the end of the connection.
    fn read(&mut self, input: &[u8], piece: usize) -> Result<Option<Receipt>, Error> {
        self.write();
        for part in input.chunks(piece.max(1)) {
            if self.engine.is_over() {
                break;
            }
            self.engine.handle_input(part);
            self.write();
        }
        if !self.engine.is_over() {
            self.engine.handle_eof();
        }
        self.check();
        self.engine.outcome().expect("an end")
    }

    /// Nothing that could break a line is on the wire.
    fn check(&self) {
        assert!(!self.wire.contains(&0), "a NUL");
        let mut last = 0;
        for &b in &self.wire {
            assert_eq!(b == b'\n', last == b'\r', "a bare CR or LF");
            last = b;
        }
        let mut lines = self.wire.split(|&b| b == b'\n');
        assert!(
            lines.all(|line| line.len() <= 2000),
            "a line without an end"
        );
    }
}

fn envelope(recipients: usize) -> Envelope {
    (0..recipients).fold(Envelope::null_sender(), |envelope, n| {
        let to = format!("r{n}@example.com");
        envelope.to(Address::new(&to).expect("an address"))
    })
}

/// The first bytes are how the session is, the rest is what the server says to a
/// mail.
pub fn replies(script: &[u8]) {
    let [how, piece, input @ ..] = script else {
        return;
    };
    let mut options = Options::default()
        .pipelining(how & 1 == 0)
        .chunking(how & 2 == 0);
    if how & 4 != 0 {
        options = options.protocol(Protocol::Lmtp);
    }
    let ehlo = b"250-hi\r\n250-CHUNKING\r\n250 PIPELINING\r\n";
    let mut dialogue = Dialogue::new(options, ehlo);
    assert!(matches!(dialogue.engine.outcome(), Some(Ok(None))));
    let envelope = envelope(usize::from(how >> 3 & 3) + 1);
    if how & 32 == 0 {
        dialogue.engine.send(&envelope, Form::default());
    } else {
        dialogue.engine.send_last(&envelope, Form::default());
    }
    let result = dialogue.read(input, usize::from(*piece));
    let good = input
        .split(|&b| b == b'\n')
        .any(|line| line.starts_with(b"2"));
    match result {
        Ok(receipt) => {
            assert!(good, "a receipt without a good reply");
            assert!(receipt.expect("of a mail").reply().is_positive());
        }
        Err(error) => {
            let is_whole = ends(&dialogue.wire);
            assert_ne!(error.delivery(), Delivery::Sent);
            assert!(error.delivery() == Delivery::NotSent || is_whole);
            // 512 octets of text, each escaped.
            assert!(error.to_string().len() < 8 * 512);
        }
    }
}

fn ends(wire: &[u8]) -> bool {
    let has = |what: &[u8]| wire.windows(what.len()).any(|window| window == what);
    has(b" LAST\r\n") || has(b"\r\n.\r\n")
}

/// The script is the lines of a reply to EHLO, behind the first.
pub fn ehlo(script: &[u8]) {
    let mut reply = b"250-mail.example\r\n".to_vec();
    for line in script.split(|&b| b == b'\n') {
        reply.extend_from_slice(b"250-");
        reply.extend_from_slice(line);
        reply.extend_from_slice(b"\r\n");
    }
    reply.extend_from_slice(b"250 HELP\r\n");
    let mut dialogue = Dialogue::new(Options::default(), &reply);
    if !matches!(dialogue.engine.outcome(), Some(Ok(None))) {
        return;
    }
    let capabilities = dialogue.engine.capabilities();
    assert_ne!(capabilities.size_limit(), Some(0));
    assert_ne!(capabilities.recipients_max(), Some(0));
    assert_ne!(capabilities.mails_max(), Some(0));
    let dsn = capabilities.has(Extension::Dsn);
    let _ = (capabilities.deliver_by_min(), capabilities.hold_max());
    dialogue
        .engine
        .send(&envelope(2).ret(Ret::Full), Form::default());
    let result = dialogue.read(b"250 a\r\n250 b\r\n250 c\r\n250 d\r\n", 100);
    if !dsn {
        assert!(result.is_err(), "a wish that the server does not know");
    }
}

/// The first byte is the mechanism, then come challenges, each with its length.
pub fn challenges(script: &[u8]) {
    let [which, rest @ ..] = script else {
        return;
    };
    let mut rest = rest;
    let mechanisms = [
        Mechanism::ScramSha256Plus,
        Mechanism::ScramSha256,
        Mechanism::ScramSha1,
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::OAuthBearer,
        Mechanism::XOAuth2,
        Mechanism::External,
    ];
    let mechanism = mechanisms[usize::from(which & 7)];
    let credentials = match mechanism {
        Mechanism::External => Credentials::external(),
        Mechanism::OAuthBearer | Mechanism::XOAuth2 => {
            Credentials::oauth_token("user", "token-of-mine").expect("credentials")
        }
        _ => Credentials::password("user", "secret-of-mine").expect("credentials"),
    };
    let ehlo = format!("250-hi\r\n250 AUTH {mechanism}\r\n");
    let mut dialogue = Dialogue::new(Options::default(), ehlo.as_bytes());
    assert!(matches!(dialogue.engine.outcome(), Some(Ok(None))));
    dialogue
        .engine
        .authenticate(&credentials.only(&[mechanism]));
    let mut input = Vec::new();
    while let [len, more @ ..] = rest {
        let (challenge, more) = more.split_at(usize::from(*len).min(more.len()));
        rest = more;
        if which & 8 == 0 {
            let encoded = Base64::encode_string(challenge);
            input.extend_from_slice(format!("334 {encoded}\r\n").as_bytes());
        } else {
            input.extend_from_slice(challenge);
            input.extend_from_slice(b"\r\n");
        }
    }
    input.extend_from_slice(b"235 in\r\n");
    let result = dialogue.read(&input, input.len());
    let is_scram = which & 7 < 3;
    assert!(
        !(is_scram && result.is_ok()),
        "a server that knows no password"
    );
    if let Err(error) = result {
        assert!(!error.to_string().contains("of-mine"));
    }
}

/// A mail: what goes in its place goes as it is, and is not much longer.
#[cfg(feature = "reencode")]
pub fn reencode(mail: &[u8]) {
    let form = Form::default().reencode();
    let again = |mail: &[u8]| smtp_session::Body::bytes(mail).form(form).reencoded();
    if let Ok(Some(other)) = again(mail) {
        assert_eq!(again(&other), Ok(None), "once is enough");
        assert!(other.len() < 4 * mail.len() + 1024);
    }
}
