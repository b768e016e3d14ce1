//! Access keys rotate under load, and nobody notices.

use tidelock_drill::Outcome;
use tidelock_redis_client::Client;

use crate::harness::{EAST, Env, UK, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_under_load_without_a_failed_command() {
    let env = Env::up();
    let old = env.options(EAST).await;
    let load = env.load().await;
    for region in [EAST, UK] {
        env.run(&["rotate-keys", "--region", region]).success().says(&["secondary key", "primary key", "vault"]);
        // Whoever comes anew takes the key from the vault, and is let in.
        eventually("that the new key is accepted", || async {
            Client::connect(&env.options(region).await).await.map(drop).map_err(|err| err.to_string())
        })
        .await;
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

    // One that was cut off between the cache's new key and the vault's is finished by asking again.
    env.run(&["rotate-keys", "--region", "northeurope"]).code(1).says(&["eastus2, uksouth"]);
    env.run(&["rotate-keys", "--region", EAST, "--only", "secondary"]).success().says(&["a new secondary key"]);
}
