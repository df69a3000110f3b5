//! Buffered input and output of one connection, in plain text or TLS.
//!
//! Replies are queued and written before the next wait for input, so that pipelined commands get
//! their replies together. The end of the connection is an `UnexpectedEof` everywhere.

use std::io;
use std::sync::Arc;

use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::data::Dotted;

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// What a handshake settled.
pub(super) struct TlsDetails {
    pub(super) version: Option<String>,
    pub(super) cipher: Option<String>,
    pub(super) resumed: bool,
}

pub(super) struct Connection {
    stream: Box<dyn Duplex>,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            input: Vec::new(),
            output: Vec::new(),
        }
    }

    /// Whether input has arrived that nobody has taken yet.
    pub(super) fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// Queues one line of a reply.
    pub(super) fn queue(&mut self, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        self.stream.flush().await
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.input.reserve(16 * 1024);
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Reads a line of at most `limit` octets with its CRLF, and returns it without.
    ///
    /// The inner error is the reply to a line that is none; all of it has been taken.
    pub(super) async fn read_line(
        &mut self,
        limit: usize,
    ) -> io::Result<Result<String, &'static str>> {
        let mut line = Vec::new();
        let mut octets = 0;
        loop {
            let end = self.input.iter().position(|&byte| byte == b'\n');
            let taken = end.map_or(self.input.len(), |index| index + 1);
            octets += taken;
            // An endless line is measured but not kept.
            if octets <= limit {
                line.extend_from_slice(&self.input[..taken]);
            }
            self.input.drain(..taken);
            if end.is_some() {
                break;
            }
            self.fill().await?;
        }
        if octets > limit {
            return Ok(Err("500 5.5.2 line too long"));
        }
        let Some(text) = line.strip_suffix(b"\r\n") else {
            return Ok(Err("500 5.5.2 bare line end"));
        };
        if !text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return Ok(Err("500 5.5.2 not printable ASCII"));
        }
        Ok(Ok(text.iter().copied().map(char::from).collect()))
    }

    /// Reads the content of a DATA command to its end.
    pub(super) async fn read_data(&mut self, limit: u64) -> io::Result<Dotted> {
        let mut dotted = Dotted::new(limit);
        loop {
            let used = dotted.feed(&self.input);
            self.input.drain(..used);
            if dotted.ended {
                return Ok(dotted);
            }
            self.fill().await?;
        }
    }

    /// Reads `octets` octets, and keeps them if they are at most `limit`.
    pub(super) async fn read_chunk(
        &mut self,
        octets: u64,
        limit: u64,
    ) -> io::Result<Option<Vec<u8>>> {
        let mut chunk = (octets <= limit).then(Vec::new);
        let mut missing = octets;
        loop {
            let taken = usize::try_from(missing)
                .unwrap_or(usize::MAX)
                .min(self.input.len());
            if let Some(chunk) = &mut chunk {
                chunk.extend_from_slice(&self.input[..taken]);
            }
            self.input.drain(..taken);
            missing -= taken as u64;
            if missing == 0 {
                return Ok(chunk);
            }
            self.fill().await?;
        }
    }

    /// Writes what is queued and shakes hands. After an error the connection is gone.
    pub(super) async fn start_tls(&mut self, config: Arc<ServerConfig>) -> io::Result<TlsDetails> {
        self.flush().await?;
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let stream = TlsAcceptor::from(config).accept(plain).await?;
        let session = stream.get_ref().1;
        let details = TlsDetails {
            // rustls spells them TLSv1_3 and TLS13_AES_128_GCM_SHA256.
            version: session
                .protocol_version()
                .and_then(|version| Some(version.as_str()?.replace('_', "."))),
            cipher: session
                .negotiated_cipher_suite()
                .and_then(|suite| Some(suite.suite().as_str()?.replace("TLS13_", "TLS_"))),
            resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
        };
        self.stream = Box::new(stream);
        Ok(details)
    }

    /// Writes what is queued and says that no more will come, with close_notify under TLS.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await
    }

    /// Reads until the peer closes: a socket dropped with unread input is reset, and the peer
    /// might lose the last reply.
    pub(super) async fn drain(mut self) {
        while self.fill().await.is_ok() {
            self.input.clear();
        }
    }
}
