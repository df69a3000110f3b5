//! A certificate authority for this process, and what trusts it.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PKCS_ED25519};
use std::sync::{Arc, OnceLock};
use tls_pump::rustls::client::Resumption;
use tls_pump::rustls::crypto::{CryptoProvider, ring};
use tls_pump::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tls_pump::rustls::version::{TLS12, TLS13};
use tls_pump::rustls::{ClientConfig, ClientConnection, Connection, RootCertStore};
use tls_pump::rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};
use tls_pump::{Engine, Policy, TlsConfig, TlsConfigBuilder, TlsaRecord};

pub(crate) const NAME: &str = "mail.example";

/// What all inputs share: it holds no sessions, so that none depends on those
/// before it.
struct Shared {
    root_pem: String,
    /// By the default provider.
    clients: Vec<TlsConfig>,
    /// By our provider, then by ring.
    servers: [Arc<ServerConfig>; 6],
    /// By ring.
    bare_client: Arc<ClientConfig>,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        // Ed25519: its signatures all have one length, so that what an input
        // does to a place on the wire hits the same thing each time.
        let key = || KeyPair::generate_for(&PKCS_ED25519).expect("ring has Ed25519");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(params, key()).expect("a root");
        let params = CertificateParams::new([NAME.to_owned()]).expect("a name");
        let leaf_key = key();
        let leaf = params.signed_by(&leaf_key, &root).expect("a leaf");
        let (root_pem, leaf) = (root.pem(), leaf.der().clone());
        let (pure, ring) = (tls_pump_crypto::provider(), ring::default_provider());
        let server = |provider: &CryptoProvider, versions| {
            new_server(provider.clone(), versions, leaf.clone(), &leaf_key)
        };
        let policies = [
            Policy::Full,
            Policy::Opportunistic,
            Policy::Dane(vec![TlsaRecord::new(3, 0, 0, leaf.to_vec())]),
            Policy::Dane(vec![TlsaRecord::new(2, 0, 0, root.der().to_vec())]),
        ];
        let client = |policy| build(trusting(&root_pem).sessions(0).policy(policy));
        Shared {
            clients: policies.map(client).into(),
            servers: [
                server(&pure, &[&TLS13]),
                server(&pure, &[&TLS12]),
                server(&pure, &[&TLS12, &TLS13]),
                server(&ring, &[&TLS13]),
                server(&ring, &[&TLS12]),
                server(&ring, &[&TLS12, &TLS13]),
            ],
            bare_client: bare_client(ring, root.der().clone()),
            root_pem,
        }
    })
}

fn trusting(root_pem: &str) -> TlsConfigBuilder {
    TlsConfig::builder()
        .roots_pem(root_pem)
        .alpn(["smtp", "h2"])
}

fn build(builder: TlsConfigBuilder) -> TlsConfig {
    builder.build().expect("a configuration")
}

fn new_server(
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
    leaf: CertificateDer<'static>,
    key: &KeyPair,
) -> Arc<ServerConfig> {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .expect("both providers have them")
        .with_no_client_auth()
        .with_single_cert(vec![leaf], key.into());
    let mut config = config.expect("a key and its certificate");
    config.alpn_protocols = vec![b"smtp".to_vec()];
    config.enable_secret_extraction = true;
    Arc::new(config)
}

/// rustls by itself, which tells its keys.
fn bare_client(provider: CryptoProvider, root: CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(root).expect("a root");
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.enable_secret_extraction = true;
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

pub(crate) fn bare_client_connection() -> Connection {
    let name = NAME.try_into().expect("a host name");
    let connection = ClientConnection::new(shared().bare_client.clone(), name);
    connection.expect("a configuration").into()
}

pub(crate) fn bare_server_connection(choice: u8) -> Connection {
    let connection = ServerConnection::new(server_config(choice));
    connection.expect("a configuration").into()
}

/// A client's configuration by the bits of `choice`.
pub(crate) fn client_config(choice: u8) -> TlsConfig {
    let shared = shared();
    shared.clients[usize::from(choice >> 4) % shared.clients.len()].clone()
}

/// One of its own, with sessions.
pub(crate) fn client_config_with_sessions(choice: u8) -> TlsConfig {
    build(trusting(&shared().root_pem).chacha20_first(choice & 0x10 != 0))
}

/// A server's configuration by the lowest bits of `choice`; 0 speaks TLS 1.3
/// only, and 4 does so by ring.
fn server_config(choice: u8) -> Arc<ServerConfig> {
    let provider = usize::from(choice >> 2 & 1);
    shared().servers[3 * provider + usize::from(choice & 3) % 3].clone()
}

pub(crate) fn client_engine(choice: u8) -> Engine {
    Engine::new(&client_config(choice), NAME).expect("a host name")
}

pub(crate) fn server_engine(choice: u8) -> Engine {
    Engine::server(server_config(choice)).expect("a configuration")
}
