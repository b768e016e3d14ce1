//! The client, on a real engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::Engine;
use tidelock_redis_client::info::{EngineInfo, EngineRole};
use tidelock_redis_client::{Client, ClientError, Endpoint, Value};

#[tokio::test]
async fn values_of_every_kind_come_back() {
    let engine = Engine::isolated(0, "").await;
    let mut client = engine.connect("tidelock-cloud", "cloud").await;
    assert!(client.command(&["SET", "k", "v"]).await.unwrap().is_ok());
    assert_eq!(client.command(&["GET", "k"]).await.unwrap().as_str(), Some("v"));
    assert_eq!(client.command(&["GET", "none"]).await.unwrap(), Value::Null);
    assert_eq!(client.command(&["INCR", "n"]).await.unwrap().as_integer(), Some(1));
    let wrong = client.command(&["LPUSH", "k", "x"]).await.unwrap_err();
    assert!(wrong.server_error().unwrap().starts_with("WRONGTYPE") && !wrong.may_have_run());
    client.command(&["HELLO", "3"]).await.unwrap();
    client.command(&["HSET", "h", "f", "1"]).await.unwrap();
    assert!(matches!(client.command(&["HGETALL", "h"]).await.unwrap(), Value::Map(pairs) if pairs.len() == 1));
    let info = EngineInfo::fetch(&mut client).await.unwrap();
    assert_eq!((info.role, info.keys), (EngineRole::Leader, 3));
    assert_eq!(info.run_id.len(), 40);
}

#[tokio::test]
async fn a_long_pipeline_is_answered_in_order() {
    let engine = Engine::isolated(0, "").await;
    let mut client = engine.connect("tidelock-cloud", "cloud").await;
    let big = Bytes::from(vec![b'x'; 4096]);
    let commands: Vec<Vec<Bytes>> = (0..5000).map(|_| vec![Bytes::from_static(b"ECHO"), big.clone()]).collect();
    let replies = client.pipeline(&commands).await.unwrap();
    assert_eq!(replies.len(), 5000);
    assert!(replies.iter().all(|reply| reply.as_bytes() == Some(&big)));
    let too_long = vec![vec![Bytes::from_static(b"PING")]; 10_001];
    assert!(matches!(client.pipeline(&too_long).await, Err(ClientError::PipelineTooLong { .. })));
    assert!(!client.is_closed());
}

#[tokio::test]
async fn a_timeout_says_that_the_outcome_is_unknown_and_closes() {
    let engine = Engine::isolated(0, "").await;
    let mut options = engine.options("tidelock-cloud", "cloud");
    options.command_timeout = Duration::from_millis(50);
    let mut client = Client::connect(&options).await.unwrap();
    let late = client.command(&["BLPOP", "nothing", "0"]).await.unwrap_err();
    assert!(matches!(late, ClientError::Timeout { .. }) && late.may_have_run());
    assert!(client.is_closed());
}

#[tokio::test]
async fn nobody_there_and_wrong_passwords_are_told_apart() {
    let engine = Engine::isolated(0, "").await;
    assert!(matches!(engine.try_connect("tidelock-cloud", "wrong").await, Err(ClientError::Auth { .. })));
    let mut options = engine.options("tidelock-cloud", "cloud");
    options.endpoint = Endpoint::Unix(engine.socket().with_extension("none"));
    let nobody = Client::connect(&options).await.unwrap_err();
    assert!(matches!(nobody, ClientError::Connect { .. }) && !nobody.may_have_run());
}
