//! What the daemon listens on: an address, a Unix socket, or what systemd hands over.

use super::{
    Options, holder,
    listen::{Listen, consents},
    token::quoted,
};
use anyhow::{Context as _, Result};
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::{
        socket::{
            AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, getsockopt, listen, socket, sockopt::AcceptConn,
        },
        stat::{Mode, fchmod},
    },
};
use passthrough::fault::Fault;
use std::{
    env, fs, io,
    net::{IpAddr, SocketAddr},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::{
            fs::{FileTypeExt, MetadataExt},
            net as unix,
        },
    },
    path::{Path, PathBuf},
    task::{Context, Poll, ready},
};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// The first descriptor that systemd hands over.
const FIRST_FD: i32 = 3;

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
        if let Some(fd) = handed_over()? {
            return Self::adopt(fd, options);
        }
        match &options.listen {
            Listen::Tcp(address) => bind_tcp(*address, options),
            Listen::Unix(path) => bind_unix(path),
        }
    }

    fn adopt(fd: OwnedFd, options: &Options) -> Result<Self> {
        // Not for the programs that checks and recoveries start.
        fcntl(fd.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).context("the socket that systemd hands over")?;
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
fn handed_over() -> Result<Option<OwnedFd>> {
    let number = |name| env::var(name).ok()?.parse::<u32>().ok();
    if number("LISTEN_PID") != Some(std::process::id()) || number("LISTEN_FDS").is_none_or(|count| count == 0) {
        return Ok(None);
    }
    // SAFETY: it is only asked what it is, and that fails where there is none.
    #[allow(unsafe_code)]
    let fd = unsafe { BorrowedFd::borrow_raw(FIRST_FD) };
    if getsockopt(&fd, AcceptConn) != Ok(true) {
        // Something of our own may have this number by now; it is not to be taken for a socket of systemd's.
        return Fault::problem("LISTEN_FDS is set, and descriptor 3 is no socket that listens")
            .next("systemctl cat of the .socket unit: Accept=no, ListenStream=…")
            .fail();
    }
    // SAFETY: systemd says that the descriptor is ours, it listens as nothing else of ours does, and it is taken once.
    #[allow(unsafe_code)]
    Ok(Some(unsafe { OwnedFd::from_raw_fd(FIRST_FD) }))
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
            return Fault::refused(format!("{title} is there already, and is no socket"))
                .next(format!("ls -l {}; vm-probe serve --listen unix:PATH", quoted(title)))
                .fail();
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
