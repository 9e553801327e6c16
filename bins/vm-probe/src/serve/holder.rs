//! Who listens on a port.

use passthrough::{host::Host, proc};
use std::fs;

/// The process that listens on a TCP port, where it can be seen.
pub fn of_port(host: &Host, port: u16) -> Option<String> {
    let inode = ["net/tcp", "net/tcp6"].into_iter().find_map(|name| {
        let table = fs::read_to_string(host.proc().join(name)).ok()?;
        table.lines().skip(1).find_map(|line| inode(line, port))
    })?;
    let link = format!("socket:[{inode}]");
    let holds = |pid: &i32| {
        let Ok(fds) = fs::read_dir(host.proc().join(pid.to_string()).join("fd")) else { return false };
        fds.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == link.as_str()))
    };
    let pid = proc::pids(host).into_iter().find(holds)?;
    Some(format!("pid {pid} ({})", proc::command(host, pid)))
}

/// The socket of a line of `/proc/net/tcp`, if it listens (state 0A) on the port.
fn inode(line: &str, port: u16) -> Option<u64> {
    let mut words = line.split_ascii_whitespace();
    let local = words.nth(1)?;
    let listens = words.nth(1)? == "0A";
    let at = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
    if listens && at == port { words.nth(5)?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_who_listens_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let holder = of_port(&Host::default(), port).unwrap();
        assert!(holder.starts_with(&format!("pid {} (", std::process::id())), "{holder}");
        drop(socket);
        assert_eq!(of_port(&Host::default(), port), None);
    }
}
