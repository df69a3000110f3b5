//! Handlers of HTTP requests (the world `wasi:http/proxy`) inside wasmtime.
//! Requests are handed over inside this process: nothing listens.

use super::{Guest, Printed, State, Traffic, limited, linker, store};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use std::time::Duration;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::p2::add_only_http_to_linker_async;
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{
    Error, RequestOptions, Result, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};

/// A handler of HTTP requests: one instance, for one request after the other.
pub struct HttpHandler {
    store: Store<State>,
    proxy: Proxy,
    printed: Printed,
    limit: Option<Duration>,
}

impl Guest {
    /// Instantiates it as a handler of HTTP requests. Its limit is then one for
    /// each request.
    ///
    /// # Panics
    ///
    /// When the component is no such handler.
    pub async fn serve(self) -> HttpHandler {
        let (state, printed) = self.state();
        let mut store = store(state);
        let proxy = async {
            let mut linker = linker()?;
            add_only_http_to_linker_async(&mut linker)?;
            Proxy::instantiate_async(&mut store, self.component.inner(), &linker).await
        };
        let proxy = proxy
            .await
            .unwrap_or_else(|error| panic!("not a handler: {error:?}"));
        HttpHandler {
            store,
            proxy,
            printed,
            limit: self.limit,
        }
    }
}

impl HttpHandler {
    /// Hands it a `GET` of this path and query, and gives its answer's status
    /// and body once its call has returned.
    ///
    /// # Panics
    ///
    /// With all it printed, when it traps, fails or takes too long.
    pub async fn get(&mut self, path_and_query: &str) -> (u16, String) {
        let answer = limited(self.limit, self.try_get(path_and_query)).await;
        let failure = match answer {
            Some(Ok(answer)) => return answer,
            Some(Err(error)) => format!("{error:?}"),
            None => "it timed out".to_owned(),
        };
        panic!(
            "the handler failed: {failure}\n--- stdout\n{}--- stderr\n{}",
            self.printed.stdout(),
            self.printed.stderr()
        )
    }

    async fn try_get(&mut self, path_and_query: &str) -> wasmtime::Result<(u16, String)> {
        let uri = format!("http://handler.test{path_and_query}");
        let request = http::Request::get(uri).body(Empty::<Bytes>::new())?;
        let (sender, answer) = oneshot::channel();
        let mut http = self.store.data_mut().http();
        let request = http.new_incoming_request(Scheme::Http, request)?;
        let answer_to = http.new_response_outparam(sender)?;
        let handler = self.proxy.wasi_http_incoming_handler();
        let handled = handler.call_handle(&mut self.store, request, answer_to);
        // A handler can't end before somebody takes the body.
        let taken = async {
            let (head, body) = answer.await??.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok((head.status.as_u16(), String::from_utf8(body.into())?))
        };
        let ((), answer) = tokio::try_join!(handled, taken)?;
        Ok(answer)
    }

    /// Drops the instance with all it has, and gives what passed between it
    /// and the host.
    #[must_use]
    pub fn end(self) -> Traffic {
        let traffic = self.store.data().traffic.clone();
        drop(self.store);
        traffic.take()
    }
}

/// What the host keeps for a handler.
#[derive(Default)]
pub(super) struct Http {
    context: WasiHttpCtx,
    hooks: NoRequests,
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.http.hooks,
            table: &mut self.table,
            ctx: &mut self.http.context,
        }
    }
}

/// Guests reach the network by sockets only, which their permissions are for.
#[derive(Default)]
struct NoRequests;

type Sending<T> = Box<dyn Future<Output = Result<T>> + Send>;

impl WasiHttpHooks for NoRequests {
    fn send_request(
        &mut self,
        _request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _sent: Sending<()>,
    ) -> Sending<(http::Response<WasiBody>, Sending<()>)> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}
