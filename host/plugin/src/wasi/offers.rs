//! The functions of WASI that there are stand-ins for.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, LinkerInstance, Lower, Resource, WasmList};

use super::NotOffered;
use crate::instance::State;

/// What a handle of a guest stands for; its number tells which of the streams, where it is one.
pub(crate) struct Handle;

/// Numbers of handles.
const OTHER: u32 = 0;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// Bytes that a stream takes at once, and bytes of random numbers that may be asked for at once.
const AT_ONCE: u64 = 1 << 16;

type Store<'a> = StoreContextMut<'a, State>;
type Stream = Resource<Handle>;

/// `wasi:clocks/wall-clock.datetime`.
#[derive(ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// `wasi:io/streams.stream-error`.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(dead_code, reason = "no operation of a stand-in fails; the type has the case")]
    LastOperationFailed(Resource<Handle>),
    #[component(name = "closed")]
    Closed,
}

/// Defines a function where there is a stand-in for it, and says whether there is.
pub(super) fn offer(into: &mut LinkerInstance<'_, State>, interface: &str, function: &str) -> wasmtime::Result<bool> {
    match interface.split_once('/') {
        Some(("clocks", clock)) => clocks(into, clock, function),
        Some(("random", kind)) => random(into, kind, function),
        Some(("io", "poll")) => poll(into, function),
        Some(("io", "streams")) => streams(into, function),
        Some(("io", "error")) => error(into, function),
        Some(("cli", part)) => cli(into, part, function),
        Some(("filesystem", part)) => filesystem(into, part, function),
        Some(("sockets", "instance-network")) => network(into, function),
        _ => Ok(false),
    }
}

fn handle(rep: u32) -> Resource<Handle> {
    Resource::new_own(rep)
}

/// Both clocks stand: the wall clock at the start of the run, the other at 0. Whoever waits has waited at once.
fn clocks(into: &mut LinkerInstance<'_, State>, clock: &str, function: &str) -> wasmtime::Result<bool> {
    match (clock, function) {
        ("wall-clock", "now") => into.func_wrap(function, |store: Store<'_>, (): ()| {
            let micros = store.data().started_at();
            // WASI has no time before 1970.
            let seconds = u64::try_from(micros.div_euclid(1_000_000)).unwrap_or(0);
            let nanoseconds = u32::try_from(micros.rem_euclid(1_000_000)).unwrap_or(0).saturating_mul(1_000);
            Ok((Datetime { seconds, nanoseconds },))
        })?,
        ("wall-clock", "resolution") => {
            into.func_wrap(function, |_: Store<'_>, (): ()| Ok((Datetime { seconds: 0, nanoseconds: 1_000 },)))?;
        }
        ("monotonic-clock", "now") => into.func_wrap(function, |_: Store<'_>, (): ()| Ok((0_u64,)))?,
        ("monotonic-clock", "resolution") => into.func_wrap(function, |_: Store<'_>, (): ()| Ok((1_000_u64,)))?,
        ("monotonic-clock", "subscribe-instant" | "subscribe-duration") => {
            into.func_wrap(function, |_: Store<'_>, (_,): (u64,)| Ok((handle(OTHER),)))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn random(into: &mut LinkerInstance<'_, State>, kind: &str, function: &str) -> wasmtime::Result<bool> {
    match (kind, function) {
        ("random", "get-random-bytes") | ("insecure", "get-insecure-random-bytes") => {
            into.func_wrap(function, |mut store: Store<'_>, (length,): (u64,)| {
                if length > AT_ONCE {
                    return Err(NotOffered("more than 65,536 random bytes at once".to_owned()).into());
                }
                let mut bytes = vec![0_u8; usize::try_from(length).unwrap_or_default()];
                store.data_mut().random().fill(&mut bytes);
                Ok((bytes,))
            })?;
        }
        ("random", "get-random-u64") | ("insecure", "get-insecure-random-u64") => {
            into.func_wrap(function, |mut store: Store<'_>, (): ()| Ok((store.data_mut().random().next_u64(),)))?;
        }
        ("insecure-seed", "insecure-seed") => into.func_wrap(function, |mut store: Store<'_>, (): ()| {
            let random = store.data_mut().random();
            Ok(((random.next_u64(), random.next_u64()),))
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Everything is ready at once.
fn poll(into: &mut LinkerInstance<'_, State>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "poll" => into.func_wrap(function, |_: Store<'_>, (handles,): (Vec<Resource<Handle>>,)| {
            let all: Vec<u32> = (0_u32..).zip(&handles).map(|(index, _)| index).collect();
            Ok((all,))
        })?,
        "[method]pollable.ready" => into.func_wrap(function, |_: Store<'_>, (_,): (Resource<Handle>,)| Ok((true,)))?,
        "[method]pollable.block" => into.func_wrap(function, |_: Store<'_>, (_,): (Resource<Handle>,)| Ok(()))?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn error(into: &mut LinkerInstance<'_, State>, function: &str) -> wasmtime::Result<bool> {
    if function != "[method]error.to-debug-string" {
        return Ok(false);
    }
    into.func_wrap(function, |_: Store<'_>, (_,): (Resource<Handle>,)| Ok(("not allowed".to_owned(),)))?;
    Ok(true)
}

/// Standard output and error go to the log by lines. Standard input has ended.
fn streams(into: &mut LinkerInstance<'_, State>, function: &str) -> wasmtime::Result<bool> {
    type Done = (Result<(), StreamError>,);
    let write = |mut store: Store<'_>, (stream, bytes): (Stream, WasmList<u8>)| -> wasmtime::Result<Done> {
        // What `check-write` allows.
        if bytes.len() as u64 > AT_ONCE {
            return Err(NotOffered("a write of more than 65,536 bytes at once".to_owned()).into());
        }
        // Copied, since the log is kept in the same store.
        let bytes = bytes.as_le_slice(&store).to_vec();
        store.data_mut().print(stream.rep() == STDERR, &bytes);
        Ok((Ok(()),))
    };
    match function {
        "[method]output-stream.check-write" => {
            into.func_wrap(function, |_: Store<'_>, (_,): (Stream,)| Ok((Ok::<u64, StreamError>(AT_ONCE),)))?
        }
        "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush" => {
            into.func_wrap(function, write)?;
        }
        "[method]output-stream.flush" | "[method]output-stream.blocking-flush" => {
            into.func_wrap(function, |_: Store<'_>, (_,): (Stream,)| Ok((Ok::<(), StreamError>(()),)))?;
        }
        "[method]output-stream.subscribe" | "[method]input-stream.subscribe" => {
            into.func_wrap(function, |_: Store<'_>, (_,): (Stream,)| Ok((handle(OTHER),)))?;
        }
        "[method]input-stream.read" | "[method]input-stream.blocking-read" => {
            into.func_wrap(function, |_: Store<'_>, (_, _): (Stream, u64)| {
                Ok((Err::<Vec<u8>, _>(StreamError::Closed),))
            })?;
        }
        "[method]input-stream.skip" | "[method]input-stream.blocking-skip" => {
            into.func_wrap(function, |_: Store<'_>, (_, _): (Stream, u64)| Ok((Err::<u64, _>(StreamError::Closed),)))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn cli(into: &mut LinkerInstance<'_, State>, part: &str, function: &str) -> wasmtime::Result<bool> {
    match (part, function) {
        ("environment", "get-environment") => into.func_wrap(function, |store: Store<'_>, (): ()| {
            if store.data().is_open() {
                store.data().refused().count("wasi:cli/environment.get-environment");
            }
            Ok((Vec::<(String, String)>::new(),))
        })?,
        ("environment", "get-arguments") => {
            into.func_wrap(function, |_: Store<'_>, (): ()| Ok((Vec::<String>::new(),)))?;
        }
        ("environment", "initial-cwd") => {
            into.func_wrap(function, |_: Store<'_>, (): ()| Ok((None::<String>,)))?;
        }
        ("stdin", "get-stdin") => into.func_wrap(function, |_: Store<'_>, (): ()| Ok((handle(OTHER),)))?,
        ("stdout", "get-stdout") => into.func_wrap(function, |_: Store<'_>, (): ()| Ok((handle(STDOUT),)))?,
        ("stderr", "get-stderr") => into.func_wrap(function, |_: Store<'_>, (): ()| Ok((handle(STDERR),)))?,
        (
            "terminal-stdin" | "terminal-stdout" | "terminal-stderr",
            "get-terminal-stdin" | "get-terminal-stdout" | "get-terminal-stderr",
        ) => into.func_wrap(function, |_: Store<'_>, (): ()| Ok((None::<Resource<Handle>>,)))?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// There is no folder to open anything in, so most functions have nothing to be called on.
fn filesystem(into: &mut LinkerInstance<'_, State>, part: &str, function: &str) -> wasmtime::Result<bool> {
    if (part, function) != ("preopens", "get-directories") {
        return Ok(false);
    }
    into.func_wrap(function, |store: Store<'_>, (): ()| {
        store.data().refused().count("wasi:filesystem/preopens.get-directories");
        Ok((Vec::<(Resource<Handle>, String)>::new(),))
    })?;
    Ok(true)
}

/// A handle without which no socket can be asked for.
fn network(into: &mut LinkerInstance<'_, State>, function: &str) -> wasmtime::Result<bool> {
    if function != "instance-network" {
        return Ok(false);
    }
    into.func_wrap(function, |_: Store<'_>, (): ()| Ok((handle(OTHER),)))?;
    Ok(true)
}
