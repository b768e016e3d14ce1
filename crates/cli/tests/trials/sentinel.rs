//! Redis Sentinel under the same faults on the same machine.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use crate::environment::Setting;
use crate::report::Peer;

/// Runs `bench/sentinel-rto.py`; none where there is no Python.
pub(crate) fn measure(scenario: &str, setting: Setting, runs: usize) -> Option<Peer> {
    if std::env::var("TRIAL_WITHOUT_SENTINEL").is_ok_and(|text| !text.is_empty()) {
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bench/sentinel-rto.py");
    let out = tempfile::NamedTempFile::new().unwrap();
    // Its one writer is beside the primary, as one region's clients are.
    let rate = setting.writers * setting.rate;
    let status = tokio::task::block_in_place(|| {
        #[allow(clippy::disallowed_methods)] // a script that is measured beside us
        let mut python = std::process::Command::new("python3");
        python
            .arg(script)
            .args(["--scenario", scenario, "--runs", &runs.to_string(), "--rate", &rate.to_string()])
            .args([
                "--delay-ms",
                &setting.delay_ms.to_string(),
                "--down-after-ms",
                &setting.periods.detection.to_string(),
            ])
            .arg("--json")
            .arg(out.path())
            .status()
    });
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("bench/sentinel-rto.py ended with {status}"),
        Err(err) => {
            eprintln!("# Sentinel is not measured: python3 cannot be run: {err}");
            return None;
        }
    }
    let document: Json = serde_json::from_slice(&std::fs::read(out.path()).unwrap()).unwrap();
    let rows = document["runs"].as_array().unwrap();
    let mut figures: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (theirs, ours) in [("rto_ms", "since_fault_ms"), ("rto_ms", "rto_ms"), ("lost", "lost"), ("acked", "acked")] {
        let values = rows.iter().map(|row| row[theirs].as_f64().unwrap_or(f64::INFINITY));
        figures.insert(ours.to_owned(), values.collect());
    }
    Some(Peer { name: format!("Sentinel ({})", document["server"].as_str().unwrap_or("?")), figures })
}
