//! Redis's own programs as clients.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::SocketAddr;

use common::pair;

async fn program(name: &str, address: SocketAddr, args: &[&str]) -> String {
    // A client of the test's own, which ends by itself.
    #[allow(clippy::disallowed_methods)]
    let output = tokio::process::Command::new(name)
        .args(["-h", &address.ip().to_string(), "-p", &address.port().to_string(), "-a", "one"])
        .args(args)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap_or_else(|err| panic!("{name}: {err}; run `make engine` first"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{name} {args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_cli_works_in_both_versions() {
    let (_east, south) = pair().await;
    assert_eq!(program("redis-cli", south.clients, &["SET", "k", "v"]).await.trim(), "OK");
    assert_eq!(program("redis-cli", south.clients, &["-3", "HSET", "h", "a", "b"]).await.trim(), "1");
    assert!(program("redis-cli", south.clients, &["INFO", "server"]).await.contains("redis_version"));
    assert!(program("redis-cli", south.clients, &["SELECT", "1"]).await.contains("database 0"));
    assert!(program("redis-cli", south.clients, &["-n", "0", "--scan"]).await.contains('k'));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_benchmark_runs_through_both_gateways_without_an_error() {
    let (east, south) = pair().await;
    for region in [&east, &south] {
        for pipeline in ["1", "16"] {
            let args = ["-t", "set,get,incr,lpush,rpop,mset", "-n", "2000", "-c", "20", "-P", pipeline, "-q"];
            let text = program("redis-benchmark", region.clients, &args).await;
            assert!(!text.to_lowercase().contains("error") && text.contains("requests per second"), "{text}");
        }
    }
}
