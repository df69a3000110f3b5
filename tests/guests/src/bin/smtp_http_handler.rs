//! A handler of HTTP requests under wstd that sends a mail for each:
//! `GET /?port=PORT`, with the roots in `/ca/ca.pem`. Its mailer outlives the request,
//! and so does the connection, which the next request uses.

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod handler {
    use std::sync::OnceLock;
    use wasi_net::wstd::run;
    use wasm_smtp_wasi::ConnectOptions;
    use wasm_smtp_wasi::mailer::{Mailer, MailerError, Message};
    use wstd::http::{Body, Request, Response};

    static MAILER: OnceLock<Mailer> = OnceLock::new();

    fn mailer(port: u16) -> Mailer {
        let mailer = MAILER.get_or_init(|| {
            let roots = std::fs::read("/ca/ca.pem").expect("roots");
            let options = ConnectOptions::new().with_roots_pem(roots);
            let builder = Mailer::smtps("127.0.0.1")
                .port(port)
                .connect_options(options);
            builder
                .password("user@test.local", "secret")
                .build()
                .expect("a mailer")
        });
        mailer.clone()
    }

    async fn send(mailer: &Mailer) -> Result<String, MailerError> {
        let mail = "From: user@test.local\nTo: alice@test.local\n\nBody.\n";
        let report = mailer.send(Message::from_bytes(mail)?).await?;
        Ok(format!(
            "sent: {}, idle: {}",
            report.is_complete(),
            mailer.idle_connections()
        ))
    }

    pub(crate) async fn answer(request: Request<Body>) -> Response<Body> {
        let query = request.uri().query().expect("a query");
        let port = query.strip_prefix("port=").expect("a port");
        let mailer = mailer(port.parse().expect("a port"));
        let text = run(send(&mailer))
            .await
            .unwrap_or_else(|error| error.to_string());
        Response::new(Body::from(text))
    }
}

#[cfg(all(target_os = "wasi", target_env = "p2"))]
#[wstd::http_server]
async fn main(
    request: wstd::http::Request<wstd::http::Body>,
) -> Result<wstd::http::Response<wstd::http::Body>, wstd::http::Error> {
    Ok(handler::answer(request).await)
}

#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
fn main() {}
