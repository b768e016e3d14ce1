//! The control API's transport on real sockets: who may connect, what the server learns, how failures look.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::SocketAddr;
use std::time::Duration;

use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use tidelock_control::{
    CallError, CertificateAuthority, ControlClient, Identity, IdentityRole, IssuedIdentity, Peer, Refusal, RefusalCode,
    mtls_client_config, mtls_server_config, serve_mtls,
};
use tidelock_model::Location;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const TIMEOUT: Duration = Duration::from_secs(5);

struct Setup {
    authority: CertificateAuthority,
    server: Identity,
    address: SocketAddr,
    shutdown: CancellationToken,
    _dir: tempfile::TempDir,
}

fn location(name: &str) -> Location {
    Location::new(name).unwrap()
}

fn router() -> Router {
    Router::new()
        .route("/whoami", get(|Extension(Peer(identity)): Extension<Peer>| async move { Json(identity) }))
        .route(
            "/refuse",
            post(|| async {
                let refusal =
                    Refusal::new(RefusalCode::Guard, "no: too far behind").retry_after(Duration::from_secs(3));
                (axum::http::StatusCode::CONFLICT, Json(refusal))
            }),
        )
        .route("/hang", post(std::future::pending::<Json<()>>))
}

async fn start() -> Setup {
    let dir = tempfile::tempdir().unwrap();
    let authority = CertificateAuthority::load_or_create(dir.path(), "app-dev").unwrap();
    let server = Identity::agent("app-dev", location("eastus2"));
    let tls = mtls_server_config(&authority.issue(&server).unwrap(), authority.certificate_pem().as_bytes()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    tokio::spawn(serve_mtls(listener, tls, router(), shutdown.clone()));
    Setup { authority, server, address, shutdown, _dir: dir }
}

fn client(setup: &Setup, identity: &IssuedIdentity) -> ControlClient {
    let tls = mtls_client_config(identity, setup.authority.certificate_pem().as_bytes()).unwrap();
    ControlClient::new(&setup.server, setup.address, tls).unwrap()
}

#[tokio::test]
async fn the_server_learns_who_calls() {
    let setup = start().await;
    let gateway = Identity::gateway("app-dev", location("uksouth"));
    let client = client(&setup, &setup.authority.issue(&gateway).unwrap());
    let seen: Identity = client.get("/whoami", TIMEOUT).await.unwrap();
    assert_eq!(seen, gateway);
    assert_eq!(seen.role, IdentityRole::Gateway);
    setup.shutdown.cancel();
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_let_in() {
    let setup = start().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = CertificateAuthority::load_or_create(elsewhere.path(), "app-dev").unwrap();
    let identity = stranger.issue(&Identity::operator("app-dev")).unwrap();
    let result: Result<Identity, _> = client(&setup, &identity).get("/whoami", TIMEOUT).await;
    assert!(result.is_err(), "a stranger was let in: {result:?}");
}

#[tokio::test]
async fn a_server_of_another_name_is_not_trusted() {
    let mut setup = start().await;
    setup.server = Identity::agent("app-dev", location("uksouth"));
    let identity = setup.authority.issue(&Identity::operator("app-dev")).unwrap();
    let result: Result<Identity, _> = client(&setup, &identity).get("/whoami", TIMEOUT).await;
    assert!(matches!(result, Err(CallError::Unreachable { .. })), "{result:?}");
}

#[tokio::test]
async fn refusals_timeouts_and_unreachable_servers_are_told_apart() {
    let setup = start().await;
    let identity = setup.authority.issue(&Identity::operator("app-dev")).unwrap();
    let client = client(&setup, &identity);

    let refused = client.post::<(), ()>("/refuse", &(), TIMEOUT).await.unwrap_err();
    let refusal = refused.refusal().expect("a refusal");
    assert_eq!(refusal.code, RefusalCode::Guard);
    assert_eq!(refusal.retry_after_ms, Some(3000));
    assert_eq!(refused.to_string(), "no: too far behind");

    let hung = client.post::<(), ()>("/hang", &(), Duration::from_millis(100)).await.unwrap_err();
    assert!(matches!(hung, CallError::Timeout { .. }), "{hung:?}");

    setup.shutdown.cancel();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    let tls = mtls_client_config(&identity, setup.authority.certificate_pem().as_bytes()).unwrap();
    let lost = ControlClient::new(&setup.server, nobody, tls).unwrap();
    let unreachable = lost.get::<Identity>("/whoami", TIMEOUT).await.unwrap_err();
    assert!(matches!(unreachable, CallError::Unreachable { .. }), "{unreachable:?}");
}

#[tokio::test]
async fn an_authority_is_loaded_again_and_its_key_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let setup = start().await;
    let dir = tempfile::tempdir().unwrap();
    let first = CertificateAuthority::load_or_create(dir.path(), "app-dev").unwrap();
    let second = CertificateAuthority::load_or_create(dir.path(), "app-dev").unwrap();
    assert_eq!(first.certificate_pem(), second.certificate_pem());
    let mode = std::fs::metadata(dir.path().join("ca.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let bundle = setup.authority.issue(&Identity::operator("app-dev")).unwrap().to_bundle();
    let client = client(&setup, &IssuedIdentity::from_bundle(&bundle));
    assert!(client.get::<Identity>("/whoami", TIMEOUT).await.is_ok(), "a bundle works like its parts");
    assert!(!format!("{bundle:?}").contains("PRIVATE KEY"));
}
