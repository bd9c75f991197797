//! Temporary.
#[path = "../tests/support/mod.rs"]
mod support;
use gristmill_sink::*;
use support::*;
fn cpu() -> u64 {
    std::fs::read_to_string("/proc/thread-self/schedstat").unwrap().split(' ').next().unwrap().parse().unwrap()
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (kind, days, n): (&str, u64, u64) = (&a[1], a[2].parse().unwrap(), a[3].parse().unwrap());
    let table = quality_stream(days > 0);
    let days = days.max(1).max(if days == 0 { 365 } else { 0 });
    let pool: Vec<_> =
        (0..n.min(1_000_000) / 10_000).map(|b| quality_rows(&table, b * 10_000..(b + 1) * 10_000, days)).collect();
    let big = n > 1_000_000;
    let dir = tempfile::TempDir::new_in(std::env::var("BENCH_DIR").unwrap_or("/dev/shm".into())).unwrap();
    let spec = match kind {
        "parquet" => format!("parquet:{}/out", dir.path().display()),
        "ndjson" => format!("ndjson:{}/r", dir.path().display()),
        _ => format!("sqlite:{}/r.db", dir.path().display()),
    };
    let runs = if kind == "sqlite" {
        2
    } else if big {
        1
    } else {
        3
    };
    for r in 0..runs {
        let mut sink = open(&spec).unwrap();
        let mut l = load(&format!("r{r}"), &format!("j{r}"), std::slice::from_ref(&table));
        if std::env::var("UPDATE").is_ok() {
            l.on_conflict = OnConflict::Update;
        }
        let (c, w) = (cpu(), std::time::Instant::now());
        block_on(async {
            sink.begin(&l).await.unwrap();
            for i in 0..n / 10_000 {
                sink.write(0, pool[(i as usize) % pool.len()].clone()).await.unwrap();
            }
            let mid = cpu();
            sink.commit().await.unwrap();
            eprintln!("   before commit {:.3}", (mid - c) as f64 / n as f64 / 1000.0);
        });
        let cpu = (cpu() - c) as f64 / n as f64 / 1000.0;
        let wall = w.elapsed().as_secs_f64();
        let hwm = std::fs::read_to_string("/proc/self/status")
            .unwrap()
            .lines()
            .find(|l| l.starts_with("VmHWM"))
            .unwrap()
            .to_string();
        let out: u64 = walk(dir.path(), &format!("r{r}"));
        println!("{a:?} {:.3} us CPU/row, wall {wall:.2}s, {:.1} bytes/row {hwm}", cpu, out as f64 / n as f64);
    }
}
fn walk(p: &std::path::Path, run: &str) -> u64 {
    let mut t = 0;
    for e in std::fs::read_dir(p).unwrap() {
        let e = e.unwrap().path();
        if e.is_dir() {
            if !e.file_name().unwrap().to_str().unwrap().starts_with("v=") || e.ends_with(format!("v={run}")) {
                t += walk(&e, run);
            }
        } else {
            t += e.metadata().unwrap().len();
        }
    }
    t
}
