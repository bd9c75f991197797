//! What a process used, as the operating system accounts for it.

use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a finished process, and the children it waited for, used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    /// User and system time.
    pub(crate) cpu: Duration,
    /// Largest resident set of any one process, in bytes.
    pub(crate) peak: u64,
}

/// Runs a command to its end.
pub(crate) fn measure(command: &mut Command) -> io::Result<Usage> {
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: `rusage` is plain data, for which all zeros is a value; `wait4` writes to the two places it is given, which
    // outlive the call. The child is waited for here and nowhere else.
    let (waited, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid, &raw mut status, 0, &raw mut usage), usage)
    };
    if waited != pid {
        return Err(io::Error::last_os_error());
    }
    let wall = start.elapsed();
    if status != 0 {
        return Err(io::Error::other(format!("{command:?} ended with wait status {status}")));
    }
    let time = |t: libc::timeval| {
        Duration::from_secs(u64::try_from(t.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(t.tv_usec).unwrap_or(0))
    };
    Ok(Usage {
        wall,
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        // Linux counts in KiB.
        peak: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    })
}

/// The run with the median CPU time: the others ran while the machine was busy with something else, or less so.
pub(crate) fn median(mut runs: Vec<Usage>) -> Option<Usage> {
    runs.sort_by_key(|u| u.cpu);
    runs.get(runs.len() / 2).copied()
}

/// The wall time in the middle.
pub(crate) fn median_wall(runs: Vec<Usage>) -> Duration {
    let mut times: Vec<_> = runs.into_iter().map(|usage| usage.wall).collect();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
