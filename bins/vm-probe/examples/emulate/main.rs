//! `emulate DIR VMS HUNG`: a host tree with that many running VMs, whose monitors and VNC servers speak from this one
//! process. The last HUNG of them accept connections and say nothing, as a halted QEMU does. DIR becomes this process's root,
//! so that its sockets have the names that they have on a host; who looks at them has it for a root as well.

mod answers;
mod tree;

use answers::answer;
use nix::{
    errno::Errno,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        resource::{Resource, getrlimit, setrlimit},
        socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket},
    },
    unistd::{chdir, chroot, read, write},
};
use std::{
    collections::HashMap,
    fs,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd, RawFd},
        unix::net::UnixListener,
    },
    path::{Path, PathBuf},
};

const FIRST_VMID: u32 = 1000;
const BANNER: &[u8] = b"RFB 003.008\n";
const GREETING: &[u8] = b"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 9}, \"package\": \"pve-qemu-kvm_9.2.0\"}, \"capabilities\": [\"oob\"]}}\r\n";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Monitor,
    Vnc,
}

/// A listening socket; a monitor serves one client and accepts the next when that one has gone.
struct Door {
    socket: UnixListener,
    kind: Kind,
}

struct Client {
    socket: OwnedFd,
    door: RawFd,
    kind: Kind,
    unread: Vec<u8>,
}

struct Emulator {
    epoll: Epoll,
    doors: HashMap<RawFd, Door>,
    clients: HashMap<RawFd, Client>,
}

fn main() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let [dir, vms, hung] = &words[..] else {
        eprintln!("usage: emulate DIR VMS HUNG");
        std::process::exit(2)
    };
    let (vms, hung): (u32, u32) = (vms.parse().expect("a number of VMs"), hung.parse().expect("a number of hung VMs"));
    fs::create_dir_all(dir).expect("the directory");
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("getrlimit");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("setrlimit");

    let ids: Vec<u32> = (FIRST_VMID..).take(vms as usize).collect();
    tree::build(Path::new(dir), &ids);
    chroot(Path::new(dir)).expect("chroot");
    chdir("/").expect("chdir");
    let mut emulator = Emulator {
        epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll_create1"),
        doors: HashMap::new(),
        clients: HashMap::new(),
    };
    let healthy = ids.len().saturating_sub(hung as usize);
    let mut closed = Vec::new();
    for (n, vmid) in ids.iter().enumerate() {
        for (kind, name) in [(Kind::Monitor, "qmp"), (Kind::Vnc, "vnc")] {
            let socket = listening(&socket_path(*vmid, name));
            if n < healthy {
                emulator.open(socket, kind);
            } else {
                closed.push(socket);
            }
        }
    }
    println!("ready");
    emulator.run();
}

fn socket_path(vmid: u32, kind: &str) -> PathBuf {
    format!("/run/qemu-server/{vmid}.{kind}").into()
}

/// As QEMU listens: with room for one that waits.
fn listening(path: &Path) -> UnixListener {
    let _ = fs::remove_file(path);
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None).expect("socket");
    bind(socket.as_raw_fd(), &UnixAddr::new(path).expect("a short path")).expect("bind");
    listen(&socket, Backlog::new(1).expect("1")).expect("listen");
    socket.into()
}

impl Emulator {
    fn watch(&self, socket: &(impl AsFd + AsRawFd)) {
        let data = u64::try_from(socket.as_raw_fd()).expect("a descriptor");
        self.epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, data)).expect("epoll_ctl");
    }

    fn open(&mut self, socket: UnixListener, kind: Kind) {
        self.watch(&socket);
        self.doors.insert(socket.as_raw_fd(), Door { socket, kind });
    }

    fn run(&mut self) {
        let mut events = vec![EpollEvent::empty(); 256];
        loop {
            let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(count) => count,
                Err(Errno::EINTR) => continue,
                Err(errno) => panic!("epoll_wait: {errno}"),
            };
            for event in &events[..count] {
                let fd = RawFd::try_from(event.data()).expect("a descriptor");
                if self.doors.contains_key(&fd) {
                    self.accept(fd);
                } else if self.clients.contains_key(&fd) {
                    self.serve(fd);
                }
            }
        }
    }

    fn accept(&mut self, door: RawFd) {
        let Door { socket: listener, kind } = &self.doors[&door];
        let kind = *kind;
        let Ok((client, _)) = listener.accept() else { return };
        client.set_nonblocking(true).expect("fcntl");
        if kind == Kind::Monitor {
            self.epoll.delete(listener).expect("epoll_ctl");
        }
        let socket = OwnedFd::from(client);
        let _ = write(&socket, if kind == Kind::Monitor { GREETING } else { BANNER });
        self.watch(&socket);
        self.clients.insert(socket.as_raw_fd(), Client { socket, door, kind, unread: Vec::new() });
    }

    fn serve(&mut self, fd: RawFd) {
        let mut bytes = [0; 4096];
        let client = self.clients.get_mut(&fd).expect("a client");
        match read(&client.socket, &mut bytes) {
            Ok(n) if n > 0 => client.unread.extend_from_slice(&bytes[..n]),
            Err(Errno::EAGAIN) => return,
            _ => return self.part(fd),
        }
        if client.kind == Kind::Vnc {
            client.unread.clear();
            return;
        }
        while let Some(end) = client.unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<_> = client.unread.drain(..=end).collect();
            // One write for each answer, as QEMU does it.
            if let Some(answer) = answer(&line)
                && write(&client.socket, answer.as_bytes()).is_err()
            {
                return self.part(fd);
            }
        }
    }

    fn part(&mut self, fd: RawFd) {
        let Some(client) = self.clients.remove(&fd) else { return };
        if client.kind == Kind::Monitor {
            self.watch(&self.doors[&client.door].socket);
        }
    }
}
