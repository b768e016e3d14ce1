//! Access keys rotate under load, and nobody notices, wherever a rotation is cut off.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use tidelock_arm_client::KeyType;
use tidelock_drill::Outcome;
use tidelock_redis_client::Client;

use crate::harness::{EAST, Env, UK, eventually};

/// Kills `rotate-keys` so many milliseconds after it has said that it makes this key: before, while and after the cache makes it,
/// and while the vault gets it.
const CUT_OFF: [(&str, u64); 6] =
    [("secondary", 0), ("secondary", 25), ("primary", 0), ("primary", 10), ("primary", 25), ("primary", 50)];

/// Whether it was cut off: it may have been faster.
async fn cut_off(env: &Env, key: &str, millis: u64) -> bool {
    let mut child = env.start(&["rotate-keys", "--region", EAST]);
    let mut talk = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let words = format!("a new {key} key of redis-app-cache-01");
    assert!(talk.any(|line| line.contains(&words)), "it ended before it made the {key} key");
    tokio::time::sleep(Duration::from_millis(millis)).await;
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// A client of its own for one command. It reads the vault again if it is refused: the key may have changed on its way.
async fn newcomer(env: &Env, region: &str) {
    let mut client = match Client::connect(&env.options(region).await).await {
        Err(err) if err.to_string().contains("WRONGPASS") => env.client(region).await,
        connected => connected.unwrap(),
    };
    client.command(&["SET", "newcomer", region]).await.unwrap();
    client.command(&["GET", "newcomer"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_under_load_without_a_failed_command() {
    let env = Env::up();
    let old = env.options(EAST).await;
    let load = env.load().await;
    let mut cut = 0;
    for (key, millis) in CUT_OFF {
        cut += usize::from(cut_off(&env, key, millis).await);
        // Whatever the vault lacks, who has its keys is let in.
        env.client(EAST).await.command(&["SET", "cut-off", key]).await.unwrap();
    }
    assert!(cut >= 3, "only {cut} were cut off");
    // One after the other: the gateways looked the keys up a moment ago, and both are new again.
    for region in [EAST, EAST, UK, EAST] {
        let mut rotating = env.start(&["rotate-keys", "--region", region]);
        while rotating.try_wait().unwrap().is_none() {
            for region in [EAST, UK] {
                newcomer(&env, region).await;
            }
        }
        assert!(rotating.wait().unwrap().success());
    }
    for region in [EAST, UK] {
        env.run(&["rotate-keys", "--region", region]).success().says(&["secondary key", "primary key", "vault"]);
        // Whoever comes anew takes the key from the vault, and is let in at the first attempt.
        env.client(region).await.command(&["PING"]).await.unwrap();
    }
    // The agent writes its canary with the key it finds, and the gateways find new ones when the cache refuses theirs.
    env.run(&["switchover", "--to", UK, "--write"]).success();
    let history = load.stop().await.unwrap();
    let failed: Vec<_> =
        history.writes(None).chain(history.reads(None)).filter(|op| op.outcome != Outcome::Acked).collect();
    assert!(history.writes(None).count() > 50, "the load did not run");
    assert!(failed.is_empty(), "{} commands failed, such as {:?}", failed.len(), failed.first());

    eventually("that the old key is refused", || async {
        match Client::connect(&old).await {
            Err(err) if err.to_string().contains("WRONGPASS") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    env.run(&["plan"]).success().says(&["No changes"]);

    // Cut off just between the cache's new primary key and the vault's: the secondary admits meanwhile.
    let arm = env.arm();
    let cache = arm.id("rg-app-dev-primary", "Microsoft.Cache/redisEnterprise/redis-app-cache-01/databases/default");
    arm.regenerate_key(&cache, KeyType::Primary).await;
    env.client(EAST).await.command(&["SET", "between", "1"]).await.unwrap();
    env.run(&["plan"]).success().says(&["the database's primary key is another one by now"]);
    env.run(&["rotate-keys", "--region", EAST, "--only", "secondary"]).success().says(&["a new secondary key"]);
    env.run(&["plan", "--detailed-exitcode"]).success().says(&["No changes"]);
    env.client(EAST).await.command(&["SET", "between", "2"]).await.unwrap();

    env.run(&["rotate-keys", "--region", "northeurope"]).code(1).says(&["eastus2, uksouth"]);
}
