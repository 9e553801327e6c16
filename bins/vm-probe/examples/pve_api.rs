//! The API of a PVE cluster that is not there, for measuring and trying out: as many VMs as are asked for, spread over 16
//! nodes, on plain HTTP at loopback. It answers at once what a monitoring program asks, and changes nothing.
//!
//! `cargo run -p vm-probe --example pve_api -- 1000 8085`, then
//! `vm-probe list --api http://127.0.0.1:8085 --api-token-file FILE`

use serde_json::{Value, json};
use std::{
    env,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

const NODES: u32 = 16;
const FIRST: u32 = 100;

fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).map(|word| word.parse::<u32>().ok()).collect();
    let (vms, port) = match words[..] {
        [Some(vms)] => (vms, 0),
        [Some(vms), Some(port)] if port < 65_536 => (vms, port),
        _ => {
            eprintln!("usage: pve_api VMS [PORT]");
            return ExitCode::from(2);
        }
    };
    match serve(vms, port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pve_api: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(vms: u32, port: u32) -> io::Result<()> {
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("http://{}", listener.local_addr()?);
    let cluster = Arc::new(Cluster::new(vms));
    for stream in listener.incoming() {
        let cluster = Arc::clone(&cluster);
        thread::spawn(move || answer(&cluster, &mut stream?));
    }
    Ok(())
}

/// What it has, as the API lists it; the three lists that are large are written out once.
struct Cluster {
    vms: u32,
    all: String,
    guests: String,
    nodes: String,
    storages: String,
}

impl Cluster {
    fn new(vms: u32) -> Self {
        let guests: Vec<_> = (FIRST..FIRST + vms).map(guest).collect();
        let nodes: Vec<_> = (0..NODES).map(node).collect();
        let storages: Vec<_> = (0..NODES).map(storage).collect();
        let all: Vec<_> = [&guests, &nodes, &storages].into_iter().flatten().cloned().collect();
        Self { vms, all: data(all), guests: data(guests), nodes: data(nodes), storages: data(storages) }
    }

    /// The answer to a path; an error is a status with words.
    fn get(&self, path: &str, query: &str) -> Result<String, &'static str> {
        let parts: Vec<_> = path.trim_start_matches("/api2/json/").split('/').collect();
        Ok(match parts[..] {
            ["version"] => data(json!({"version": "9.0.3", "release": "9.0", "repoid": "0123456789abcdef"})),
            ["cluster", "status"] => data(status()),
            ["cluster", "resources"] => match query {
                "type=vm" => self.guests.clone(),
                "type=node" => self.nodes.clone(),
                "type=storage" => self.storages.clone(),
                _ => self.all.clone(),
            },
            ["cluster", "backup-info", "not-backed-up"] | ["nodes", _, "lxc" | "replication"] => data(json!([])),
            ["cluster", "config", "qdevice"] => return Err("500 no QDevice configured"),
            ["nodes"] => self.nodes.clone(),
            ["nodes", _, "subscription"] => data(json!({"status": "notfound", "level": ""})),
            ["nodes", name, "qemu"] => {
                let of_node = |n: &u32| name == format!("pve{}", n % NODES);
                data((FIRST..FIRST + self.vms).filter(of_node).map(guest).collect::<Vec<_>>())
            }
            ["nodes", _, "qemu", id, "config"] => data(json!({"name": format!("vm-{id}"), "onboot": 1})),
            ["nodes", _, "qemu", id, "status", "current"] => match id.parse() {
                Ok(n) if (FIRST..FIRST + self.vms).contains(&n) => data(guest(n)),
                _ => return Err("500 Configuration file does not exist"),
            },
            _ => return Err("501 Method not implemented"),
        })
    }
}

fn status() -> Value {
    let nodes = (0..NODES).map(|n| {
        json!({"type": "node", "id": format!("node/pve{n}"), "name": format!("pve{n}"), "nodeid": n + 1, "online": 1,
            "local": u8::from(n == 0), "ip": format!("10.0.0.{n}"), "level": ""})
    });
    let cluster =
        json!({"type": "cluster", "id": "cluster", "name": "lab", "nodes": NODES, "quorate": 1, "version": 3});
    [cluster].into_iter().chain(nodes).collect()
}

fn data(value: impl Into<Value>) -> String {
    json!({"data": value.into()}).to_string()
}

fn guest(n: u32) -> Value {
    let status = if n % 10 == 9 { "stopped" } else { "running" };
    json!({
        "id": format!("qemu/{n}"), "type": "qemu", "vmid": n, "name": format!("vm-{n}"), "node": format!("pve{}", n % NODES),
        "status": status, "template": 0, "tags": "bench", "cpu": f64::from(n % 100) / 100.0, "maxcpu": 4,
        "mem": 1_073_741_824_u64 + u64::from(n), "maxmem": 4_294_967_296_u64, "disk": 0, "maxdisk": 34_359_738_368_u64,
        "diskread": 123_456_789_u64 + u64::from(n), "diskwrite": 987_654_321, "netin": 1_234_567_890_u64 + u64::from(n),
        "netout": 987_654_321, "uptime": 123_456 + n,
    })
}

fn node(n: u32) -> Value {
    json!({
        "id": format!("node/pve{n}"), "type": "node", "node": format!("pve{n}"), "status": "online", "cpu": 0.1, "maxcpu": 64,
        "mem": 1_u64 << 37, "maxmem": 1_u64 << 38, "disk": 1_u64 << 33, "maxdisk": 1_u64 << 36, "uptime": 1_234_567,
        "level": "", "cgroup-mode": 2,
    })
}

fn storage(n: u32) -> Value {
    json!({
        "id": format!("storage/pve{n}/local"), "type": "storage", "node": format!("pve{n}"), "storage": "local",
        "status": "available", "disk": 1_u64 << 33, "maxdisk": 1_u64 << 36, "shared": 0, "plugintype": "dir", "content": "iso",
    })
}

/// One request, one answer.
fn answer(cluster: &Cluster, stream: &mut TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            n if request.len() < 65_536 => request.extend_from_slice(&piece[..n]),
            _ => return Ok(()),
        }
    }
    let request = String::from_utf8_lossy(&request);
    let target = request.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let authorized = request.to_ascii_lowercase().contains("\r\nauthorization: pveapitoken=");
    let (status, body) = if authorized {
        cluster.get(path, query).map_or_else(|words| (words, data(Value::Null)), |body| ("200 OK", body))
    } else {
        // As PVE does, to slow down those who guess.
        thread::sleep(Duration::from_secs(3));
        ("401 No ticket", String::new())
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}
