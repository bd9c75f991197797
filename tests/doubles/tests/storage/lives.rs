//! A double from its start to its end, in a test and as a program.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread::scope;
use std::time::{Duration, Instant};

use gristmill_doubles::storage::{Effect, Fault, Operation, StorageDouble};

use crate::kit::{BUCKET, Kit, bytes};

#[test]
fn many_are_served_at_once() {
    let kit = Kit::new();
    let all = bytes(200_000);
    kit.double.put(BUCKET, "o", all.clone()).unwrap();
    kit.double.set_latency(Duration::from_millis(100));
    let start = Instant::now();
    scope(|threads| {
        for _ in 0..20 {
            threads.spawn(|| {
                let read = kit.plain("GET", "/storage/v1/b/tests/o/o?alt=media", &[], b"");
                assert!(read.body == all);
            });
        }
    });
    // One after the other they would take two seconds.
    assert!(start.elapsed() < Duration::from_millis(1_500), "{:?}", start.elapsed());
    assert_eq!(kit.double.count(Operation::ReadObject), 20);
}

#[test]
fn a_double_ends_when_it_is_dropped_whoever_is_waiting() {
    let kit = Kit::new();
    kit.double.put(BUCKET, "o", "text").unwrap();
    kit.double.fault(Fault::new(Effect::Delay(Duration::from_secs(60))).on(Operation::ReadObject));
    let objects = kit.double.objects();
    let address = kit.double.endpoint().strip_prefix("http://").unwrap().to_owned();
    let path = "GET /storage/v1/b/tests/o/o?alt=media HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut waiting = TcpStream::connect(&address).unwrap();
    std::io::Write::write_all(&mut waiting, path.as_bytes()).unwrap();
    let start = Instant::now();
    drop(kit);
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(TcpStream::connect(&address).is_err());
    assert_eq!(objects.get(BUCKET, "o").unwrap(), "text");
}

#[test]
fn doubles_do_not_meet() {
    let (one, other) = (Kit::new(), Kit::new());
    one.double.put(BUCKET, "o", "text").unwrap();
    assert_eq!(other.double.get(BUCKET, "o"), None);
    let port = one.double.endpoint().rsplit(':').next().unwrap().parse().unwrap();
    let taken = StorageDouble::start_at(port).unwrap_err();
    assert!(taken.to_string().contains(&format!("cannot listen at port {port}")), "{taken}");
}

#[test]
fn the_program_says_where_it_listens() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "text").unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_gristmill-doubles"))
        .args(["storage", "--bucket", "empty", "--bucket"])
        .arg(format!("full={}", folder.path().display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").map(str::to_owned);
    let connected = address.map(TcpStream::connect);
    program.kill().unwrap();
    program.wait().unwrap();
    assert!(matches!(connected, Some(Ok(_))), "{line}");

    let refused = Command::new(env!("CARGO_BIN_EXE_gristmill-doubles"))
        .args(["storage", "--bucket", "full=/nowhere/at/all"])
        .output()
        .unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.starts_with("error: /nowhere/at/all cannot be read"), "{said}");
}
