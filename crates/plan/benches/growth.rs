//! How long planning takes once everything has been read, against the size of the environment: five regions, each with N
//! caches, every cache in a geo group of five.
//!
//! `make bench-plan` runs it. It prints the table of `docs/performance.md`, and with `GROWTH_SVG=FILE` writes the plot. It
//! fails if 1,000 caches take longer than their target.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

#[path = "../tests/support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use support::{carry_out, context, environment, mark, nothing};
use tidelock_model::{CacheName, Environment, GeoGroup};
use tidelock_plan::plan;

/// Caches in each of the five regions.
const SIZES: [usize; 7] = [1, 10, 25, 50, 100, 200, 400];
/// Each is planned so often; the table shows the median and the fastest.
const RUNS: usize = 15;
/// So many caches in all are to be planned within the target.
const TARGET_CACHES: usize = 1_000;
const TARGET: Duration = Duration::from_secs(1);

fn large(caches: usize) -> Environment {
    let mut all = environment(5);
    let pattern = all.clone();
    for region in &mut all.regions {
        let cache = region.caches.values().next().unwrap().clone();
        let endpoint = region.private_endpoints.values().next().unwrap().clone();
        region.caches.clear();
        region.private_endpoints.clear();
        for at in 0..caches {
            let key = CacheName(format!("{}-{at:03}", cache.key));
            let mut cache = cache.clone();
            cache.azure_name = format!("{}-{at:03}", cache.azure_name);
            cache.group_nickname = Some(format!("grp-{at:03}"));
            cache.key = key.clone();
            let mut endpoint = endpoint.clone();
            endpoint.key = format!("{}-{at:03}", endpoint.key);
            endpoint.azure_name = format!("{}-{at:03}", endpoint.azure_name);
            endpoint.cache = key.clone();
            region.caches.insert(key, cache);
            region.private_endpoints.insert(endpoint.key.clone(), endpoint);
        }
    }
    let group = pattern.geo_groups.values().next().unwrap();
    all.geo_groups.clear();
    for at in 0..caches {
        let mut members = group.members.clone();
        for member in &mut members {
            member.cache = CacheName(format!("{}-{at:03}", member.cache));
        }
        let key = format!("main-{at:03}");
        let seed_writer = members[0].clone();
        all.geo_groups.insert(key.clone(), GeoGroup { key, nickname: format!("grp-{at:03}"), members, seed_writer });
    }
    all
}

/// How long something took, over all its runs.
struct Times {
    median: Duration,
    fastest: Duration,
}

impl Times {
    fn of(mut run: impl FnMut()) -> Self {
        let mut times: Vec<Duration> = (0..RUNS)
            .map(|_| {
                let begun = Instant::now();
                run();
                begun.elapsed()
            })
            .collect();
        times.sort();
        Self { median: times[RUNS / 2], fastest: times[0] }
    }

    fn cells(&self) -> String {
        format!("{:.1} ms | {:.1} ms", millis(self.median), millis(self.fastest))
    }
}

/// What one size took.
struct Point {
    caches: usize,
    fresh: Times,
    unchanged: Times,
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn main() {
    println!("| caches | resources | from nothing: median | fastest | nothing to do: median | fastest |");
    println!("|---|---|---|---|---|---|");
    let points: Vec<Point> = SIZES.into_iter().map(measured).collect();
    let (before, last) = (&points[points.len() - 2], &points[points.len() - 1]);
    println!(
        "\n{} caches take {:.1} times as long as {}, from nothing; {:.1} times, where there is nothing to do.",
        last.caches,
        millis(last.fresh.fastest) / millis(before.fresh.fastest),
        before.caches,
        millis(last.unchanged.fastest) / millis(before.unchanged.fastest),
    );
    if let Some(file) = std::env::var_os("GROWTH_SVG").filter(|file| !file.is_empty()) {
        std::fs::write(file, svg(&points)).unwrap();
    }
    let judged = points.iter().find(|point| point.caches == TARGET_CACHES).unwrap();
    let slower = judged.fresh.median.max(judged.unchanged.median);
    assert!(slower <= TARGET, "{TARGET_CACHES} caches took {slower:?}; the target is {TARGET:?}");
}

fn measured(caches: usize) -> Point {
    let environment = large(caches);
    let empty = nothing(&environment);
    let first = plan(&environment, &context(), &empty).unwrap();
    let fresh = Times::of(|| drop(plan(&environment, &context(), &empty).unwrap()));
    let mut snapshot = nothing(&environment);
    carry_out(&first, &mut snapshot, usize::MAX);
    mark(&mut snapshot);
    let again = plan(&environment, &context(), &snapshot).unwrap();
    assert!(again.is_empty(), "{}", again.render());
    let unchanged = Times::of(|| drop(plan(&environment, &context(), &snapshot).unwrap()));
    println!("| {} | {} | {} | {} |", caches * 5, first.steps.len(), fresh.cells(), unchanged.cells());
    Point { caches: caches * 5, fresh, unchanged }
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 340.0;
const MARGIN: f64 = 60.0;

/// A plot of the medians against the number of caches.
fn svg(points: &[Point]) -> String {
    let most = points.iter().map(|point| point.caches as f64).fold(1.0, f64::max);
    let longest = points.iter().map(|point| millis(point.fresh.median.max(point.unchanged.median))).fold(1.0, f64::max);
    let top = (longest / 50.0).ceil() * 50.0;
    let x = |caches: f64| MARGIN + caches / most * (WIDTH - 2.0 * MARGIN);
    let y = |ms: f64| HEIGHT - MARGIN - ms / top * (HEIGHT - 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<title>How long planning takes, against the number of caches</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for part in 0..=5 {
        let share = f64::from(part) / 5.0;
        let (right, left) = (WIDTH - MARGIN, MARGIN - 6.0);
        let (across, up) = (x(share * most), y(share * top));
        let _ = writeln!(out, "<path d=\"M{MARGIN} {up:.1}H{right}\" stroke=\"#ddd\"/>");
        let _ = writeln!(out, "<text x=\"{left}\" y=\"{:.1}\" text-anchor=\"end\">{:.0}</text>", up + 4.0, share * top);
        let below = HEIGHT - MARGIN + 18.0;
        let caches = share * most;
        let _ = writeln!(out, "<text x=\"{across:.1}\" y=\"{below}\" text-anchor=\"middle\">{caches:.0}</text>");
    }
    let mut line = |name: &str, colour: &str, row: f64, ms: &dyn Fn(&Point) -> f64| {
        let at = |point: &Point| (x(point.caches as f64), y(ms(point)));
        let path: Vec<String> = points.iter().map(at).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let path = path.join(" ");
        let _ = writeln!(out, "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        for (x, y) in points.iter().map(at) {
            let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        let _ = writeln!(out, "<text x=\"{}\" y=\"{row}\" fill=\"{colour}\">{name}</text>", MARGIN + 14.0);
    };
    line("from nothing", "#b3471d", MARGIN + 16.0, &|point| millis(point.fresh.median));
    line("nothing to do", "#1667b7", MARGIN + 34.0, &|point| millis(point.unchanged.median));
    let (middle, bottom) = (WIDTH / 2.0, HEIGHT - 18.0);
    let _ = writeln!(out, "<text x=\"{middle}\" y=\"{bottom}\" text-anchor=\"middle\">caches</text>");
    let _ =
        writeln!(out, "<text x=\"{MARGIN}\" y=\"36\">planning after reading: milliseconds, median of {RUNS}</text>");
    out.push_str("</svg>\n");
    out
}
