//! Where the daemon listens: an address, a Unix socket, or what systemd hands over.

use super::{Options, Token, holder};
use anyhow::{Context as _, Result};
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::{
        socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket},
        stat::{Mode, fchmod},
    },
};
use passthrough::fault::Fault;
use std::{
    env, fmt, fs, io,
    net::{IpAddr, SocketAddr},
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
        unix::{
            fs::{FileTypeExt, MetadataExt},
            net as unix,
        },
    },
    path::{Path, PathBuf},
    str::FromStr,
    task::{Context, Poll, ready},
};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// The first descriptor that systemd hands over.
const FIRST_FD: i32 = 3;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address.
    Tcp(SocketAddr),
    /// A Unix socket that only its owner may use.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            if path.starts_with('/') {
                return Ok(Self::Unix(path.into()));
            }
            return Fault::usage(format!("{text}: the path of a socket starts with a slash")).fail();
        }
        let address = text.replacen("localhost:", "127.0.0.1:", 1).parse();
        match address {
            Ok(address) => Ok(Self::Tcp(address)),
            Err(_) => Fault::usage(format!("{text} is no address to listen on"))
                .next("--listen 127.0.0.1:8080, --listen [::1]:8080 or --listen unix:/run/vm-probe.sock")
                .fail(),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Refuses to be reached from elsewhere by people of whom nothing is asked.
pub fn consents(listen: &Listen, token: Option<&Token>) -> Result<()> {
    match listen {
        Listen::Tcp(address) if token.is_none() && !is_loopback(address.ip()) => {
            Fault::refused(format!("{address} can be reached from other machines, and there is no token"))
                .next(format!("vm-probe serve --listen {address} --token-file FILE, or listen on 127.0.0.1"))
                .fail()
        }
        _ => Ok(()),
    }
}

/// Whether only this machine can reach it; an IPv4 address may be dressed up as IPv6.
fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// What is listened on.
pub enum Listener {
    /// An address.
    Tcp(TcpListener),
    /// A Unix socket; the path is removed in the end if it is still this one.
    Unix(UnixListener, Option<Mine>),
}

/// A socket in the file system, by its number, so that nobody else's is removed.
pub struct Mine(PathBuf, (u64, u64));

impl Drop for Mine {
    fn drop(&mut self) {
        if identity(&self.0).is_some_and(|id| id == self.1) {
            let _ = fs::remove_file(&self.0);
        }
    }
}

/// A connection.
pub enum Accepted {
    /// By an address.
    Tcp(TcpStream),
    /// By a Unix socket.
    Unix(UnixStream),
}

impl Listener {
    /// Takes what systemd hands over, or binds.
    pub fn bind(options: &Options) -> Result<Self> {
        if let Some(fd) = handed_over() {
            return Self::adopt(fd, options).context("the socket that systemd hands over");
        }
        match &options.listen {
            Listen::Tcp(address) => bind_tcp(*address, options),
            Listen::Unix(path) => bind_unix(path),
        }
    }

    fn adopt(fd: OwnedFd, options: &Options) -> Result<Self> {
        // Not for the programs that checks and recoveries start.
        fcntl(fd.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        let socket = std::net::TcpListener::from(fd);
        if let Ok(address) = socket.local_addr() {
            consents(&Listen::Tcp(address), options.token.as_ref())?;
            socket.set_nonblocking(true)?;
            return Ok(Self::Tcp(TcpListener::from_std(socket)?));
        }
        let socket = unix::UnixListener::from(OwnedFd::from(socket));
        socket.set_nonblocking(true)?;
        Ok(Self::Unix(UnixListener::from_std(socket)?, None))
    }

    /// The next connection.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match self {
            Self::Tcp(socket) => {
                let (stream, _) = ready!(socket.poll_accept(cx))?;
                // Answers are small and complete: nothing is gained by waiting for more.
                let _ = stream.set_nodelay(true);
                Poll::Ready(Ok(Accepted::Tcp(stream)))
            }
            Self::Unix(socket, _) => {
                Poll::Ready(ready!(socket.poll_accept(cx)).map(|(stream, _)| Accepted::Unix(stream)))
            }
        }
    }

    /// The address; none for a Unix socket.
    pub fn local(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }

    /// How it is called in messages.
    pub fn title(&self) -> String {
        match self {
            Self::Tcp(_) => {
                self.local().map_or_else(|| "an address".into(), |address| Listen::Tcp(address).to_string())
            }
            Self::Unix(_, Some(mine)) => format!("unix:{}", mine.0.display()),
            Self::Unix(_, None) => "a Unix socket of systemd's".into(),
        }
    }
}

/// The descriptor that systemd hands over to this very process. The variables stay: they name our pid, so no child takes
/// them for its own, and to remove them with threads around would be unsound.
fn handed_over() -> Option<OwnedFd> {
    let number = |name| env::var(name).ok()?.parse::<u32>().ok();
    if number("LISTEN_PID")? != std::process::id() || number("LISTEN_FDS")? == 0 {
        return None;
    }
    // SAFETY: systemd says that the descriptor is ours, and nobody else in this process takes it.
    #[allow(unsafe_code)]
    Some(unsafe { OwnedFd::from_raw_fd(FIRST_FD) })
}

fn bind_tcp(address: SocketAddr, options: &Options) -> Result<Listener> {
    let bound = std::net::TcpListener::bind(address).and_then(|socket| {
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket)
    });
    match bound {
        Ok(socket) => Ok(Listener::Tcp(socket)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let port = address.port();
            let holder = holder::of_port(&options.host, port).unwrap_or_else(|| "somebody".into());
            Fault::busy(format!("cannot listen on {address}: {holder} does already"))
                .next(format!(
                    "ss -ltnp 'sport = :{port}', or vm-probe serve --listen {}:PORT",
                    bracketed(address.ip())
                ))
                .fail()
        }
        Err(error) => Fault::problem(format!("cannot listen on {address}: {error}"))
            .next("ip address; vm-probe serve --listen ADDRESS:PORT")
            .fail(),
    }
}

fn bracketed(ip: IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}

fn bind_unix(path: &Path) -> Result<Listener> {
    let title = path.display();
    if let Ok(meta) = fs::symlink_metadata(path) {
        if !meta.file_type().is_socket() {
            return Fault::refused(format!("{title} is there already, and is no socket")).fail();
        }
        // A full queue (EAGAIN) is one that somebody has.
        let nobody =
            matches!(unix::UnixStream::connect(path), Err(error) if error.kind() == io::ErrorKind::ConnectionRefused);
        if !nobody {
            return Fault::busy(format!("somebody listens on {title} already"))
                .next(format!("ss -lxp src {title}"))
                .fail();
        }
        if meta.uid() != nix::unistd::geteuid().as_raw() {
            return Fault::refused(format!("the socket {title} was left by user {}", meta.uid()))
                .next(format!("rm {title}"))
                .fail();
        }
        fs::remove_file(path).with_context(|| format!("cannot remove the old socket {title}"))?;
    }
    let socket = match private(path).and_then(UnixListener::from_std) {
        Ok(socket) => socket,
        Err(error) => return Fault::problem(format!("cannot listen on {title}: {error}")).fail(),
    };
    let mine = identity(path).map(|id| Mine(path.to_owned(), id));
    Ok(Listener::Unix(socket, mine))
}

/// A socket that has its mode before it has its path: nobody connects in between. (`unix_bind` takes the mode from the
/// socket's own inode.)
fn private(path: &Path) -> io::Result<unix::UnixListener> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    fchmod(&fd, Mode::S_IRUSR | Mode::S_IWUSR)?;
    bind(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
    listen(&fd, Backlog::new(128)?)?;
    Ok(fd.into())
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_reach_needs_a_token() {
        let token = Token::new(b"0123456789abcdef").unwrap();
        for (text, free) in [
            ("127.0.0.1:8080", true),
            ("127.9.9.9:1", true),
            ("[::1]:8080", true),
            ("[::ffff:127.0.0.1]:80", true),
            ("localhost:8080", true),
            ("unix:/run/x", true),
            ("0.0.0.0:8080", false),
            ("[::]:8080", false),
            ("10.0.0.1:8080", false),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!(consents(&listen, None).is_ok(), free, "{text}");
            assert!(consents(&listen, Some(&token)).is_ok(), "{text}");
        }
        for text in ["8080", "unix:x", "", "pve1:8080", "127.0.0.1"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
