//! Two ends of a connection in memory.

use crate::differential::identity::{Identity, NAME};
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, Connection, Error, ServerConfig, ServerConnection};
use rustls::{CommonState, SupportedProtocolVersion};
use std::io::{ErrorKind, Read as _, Write as _};
use std::ops::Deref;
use std::sync::Arc;

/// What both ends of a connection come of.
pub(crate) struct Configs {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

/// Who is who, in which version; the client's identity is asked for if it has one.
pub(crate) struct Setup<'a> {
    pub(crate) client: CryptoProvider,
    pub(crate) server: CryptoProvider,
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
    pub(crate) server_identity: &'a Identity,
    pub(crate) client_identity: Option<&'a Identity>,
}

impl Setup<'_> {
    pub(crate) fn configs(self) -> Configs {
        Configs {
            client: self.client_config().into(),
            server: self.server_config().into(),
        }
    }

    fn client_config(&self) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(self.client.clone().into())
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(self.server_identity.roots());
        match self.client_identity {
            Some(own) => builder
                .with_client_auth_cert(own.chain(), own.key())
                .unwrap(),
            None => builder.with_no_client_auth(),
        }
    }

    fn server_config(&self) -> ServerConfig {
        let provider = Arc::new(self.server.clone());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .unwrap();
        let builder = match self.client_identity {
            Some(client) => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(client.roots(), provider)
                    .build()
                    .unwrap(),
            ),
            None => builder.with_no_client_auth(),
        };
        let own = self.server_identity;
        builder.with_single_cert(own.chain(), own.key()).unwrap()
    }
}

impl Configs {
    /// A new connection after its handshake.
    pub(crate) fn connect(&self) -> Result<Pair, Error> {
        let name = NAME.try_into().unwrap();
        let client = ClientConnection::new(Arc::clone(&self.client), name)?;
        let server = ServerConnection::new(Arc::clone(&self.server))?;
        let mut pair = Pair {
            client: End::new(client.into()),
            server: End::new(server.into()),
        };
        pair.pump()?;
        assert!(!pair.client.is_handshaking() && !pair.server.is_handshaking());
        Ok(pair)
    }
}

/// One end, and the plaintext that has come.
pub(crate) struct End {
    pub(crate) connection: Connection,
    received: Vec<u8>,
}

impl End {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            received: Vec::new(),
        }
    }

    /// What is to go to the other end.
    fn ciphertext(&mut self) -> Vec<u8> {
        let mut ciphertext = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut ciphertext).unwrap();
        }
        ciphertext
    }

    fn take(&mut self, mut ciphertext: &[u8]) -> Result<(), Error> {
        while !ciphertext.is_empty() {
            self.connection.read_tls(&mut ciphertext).unwrap();
            self.connection.process_new_packets()?;
            let read = self.connection.reader().read_to_end(&mut self.received);
            assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
        }
        Ok(())
    }

    fn export(&self, context: Option<&[u8]>) -> [u8; 50] {
        let export = |label| {
            self.connection
                .export_keying_material([0; 50], label, context)
        };
        let exported = export(b"EXPORTER-one").unwrap();
        assert_ne!(exported, export(b"EXPORTER-other").unwrap());
        exported
    }
}

impl Deref for End {
    type Target = CommonState;

    fn deref(&self) -> &CommonState {
        &self.connection
    }
}

pub(crate) struct Pair {
    pub(crate) client: End,
    pub(crate) server: End,
}

impl Pair {
    /// Carries ciphertext to and fro until both have none left.
    fn pump(&mut self) -> Result<(), Error> {
        loop {
            let to_server = self.client.ciphertext();
            self.server.take(&to_server)?;
            let to_client = self.server.ciphertext();
            self.client.take(&to_client)?;
            if to_server.is_empty() && to_client.is_empty() {
                return Ok(());
            }
        }
    }

    /// Data of several records, both ways.
    pub(crate) fn exchange(&mut self) {
        let question: Vec<u8> = (0..40_000_u32).map(|at| (at % 251) as u8).collect();
        let answer: Vec<u8> = question.iter().rev().copied().collect();
        for (end, data) in [(&mut self.client, &question), (&mut self.server, &answer)] {
            end.connection.writer().write_all(data).unwrap();
        }
        self.pump().unwrap();
        assert!(std::mem::take(&mut self.server.received) == question);
        assert!(std::mem::take(&mut self.client.received) == answer);
    }

    /// Both ends take new keys, the client first.
    pub(crate) fn update_keys(&mut self) {
        self.client.connection.refresh_traffic_keys().unwrap();
        self.exchange();
        self.server.connection.refresh_traffic_keys().unwrap();
        self.exchange();
    }

    /// What both have alike for protocols above TLS.
    pub(crate) fn exported(&self) -> [u8; 50] {
        let [bare, empty, other] = [None, Some(&b""[..]), Some(&b"context"[..])].map(|context| {
            let exported = self.client.export(context);
            assert_eq!(exported, self.server.export(context), "{context:?}");
            exported
        });
        assert!(bare != other && empty != other);
        bare
    }
}
