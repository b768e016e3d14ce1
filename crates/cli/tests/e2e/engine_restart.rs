//! A writer's engine that comes back empty must not wipe its replicas.

use crate::harness::{EAST, Env, UK, eventually, signal, until_reads};

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_comes_back_empty_wipes_nobody() {
    let env = Env::up();
    let mut uk = env.client(UK).await;
    for number in 0..50 {
        uk.command(&["SET", &format!("precious:{number}"), "kept"]).await.unwrap();
    }
    until_reads(&mut uk, "precious:49", "kept").await;

    // Both engines of the region at once: if one of them lived, it would take over and hold everything.
    let engines = || -> Vec<_> {
        let all = env.processes().into_iter();
        all.filter(|(name, _)| name.contains("engine") && !name.contains("replica")).collect()
    };
    let old = engines();
    assert!(!old.is_empty(), "no engine of eastus2 among {:?}", env.processes());
    for (_, pid) in &old {
        signal(*pid, rustix::process::Signal::KILL);
    }
    eventually("that the engines are restarted and kept aside", || async {
        let restarted = engines().iter().filter(|engine| !old.contains(engine)).count() == old.len();
        let status = env.status();
        let state = &status["sites"][0]["status"]["engine"]["state"];
        let reason = state["reason"].as_str().unwrap_or_default();
        if restarted && reason.contains("restarted") { Ok(()) } else { Err(status["sites"][0].to_string()) }
    })
    .await;

    // The reader still has everything, and keeps it while the empty engine is there. That it is never wiped cannot be
    // waited for; that its link was refused by the isolated engine at least three times can.
    eventually("that the reader has tried to follow the empty engine", || async {
        let log = std::fs::read_dir(env.environment_dir().join("cloud/logs")).unwrap().flatten();
        let log = log.map(|entry| entry.path()).find(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.contains("engine") && name.contains("replica") && !name.ends_with(".b.log")
        });
        let text = log.map(|path| std::fs::read_to_string(path).unwrap()).unwrap_or_default();
        let refused = text.matches("Unable to AUTH to MASTER").count();
        if refused >= 3 { Ok(()) } else { Err(format!("refused {refused} times: {text}")) }
    })
    .await;
    for number in 0..50 {
        let kept = uk.command(&["GET", &format!("precious:{number}")]).await.unwrap();
        assert_eq!(kept.as_str(), Some("kept"), "the reader was wiped");
    }
    let refused = uk.command(&["SET", "new", "1"]).await.unwrap_err();
    assert!(refused.to_string().contains("not applied") || refused.to_string().contains("TRYAGAIN"), "{refused}");
    env.run(&["switchover", "--to", UK]).code(5);

    env.run(&["failover", "--to", UK, "--yes", "--write"]).success().says(&["epoch 2"]);
    let mut east = env.client(EAST).await;
    until_reads(&mut east, "precious:0", "kept").await;
    uk.command(&["SET", "new", "1"]).await.unwrap();
    until_reads(&mut east, "new", "1").await;
    assert_eq!(env.status()["sites"][0]["status"]["role"], "reader");
}
