//! How many files and sockets this process may have open.
#![expect(unsafe_code, reason = "the standard library does not ask for this limit")]

use std::io;

/// Raises the number of files and sockets that this process may have open, up to `wanted` where
/// the system lets it; never lowers it. Returns how many there may be now.
///
/// # Errors
/// Where the system does not tell.
pub fn allow_open_files(wanted: u64) -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call writes one `rlimit`, which the pointer names.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let reachable = wanted.min(limit.rlim_max);
    if reachable <= limit.rlim_cur {
        return Ok(limit.rlim_cur);
    }
    let raised = libc::rlimit { rlim_cur: reachable, ..limit };
    // SAFETY: the call reads one `rlimit`, which the pointer names.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } {
        0 => Ok(reachable),
        _ => Ok(limit.rlim_cur),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_falls_and_never_passes_what_the_system_allows() {
        let now = allow_open_files(0).unwrap();
        assert!(now > 0);
        assert_eq!(allow_open_files(now.saturating_sub(1)).unwrap(), now);
        let most = allow_open_files(u64::MAX).unwrap();
        assert!(most >= now);
        assert_eq!(allow_open_files(u64::MAX).unwrap(), most);
    }
}
