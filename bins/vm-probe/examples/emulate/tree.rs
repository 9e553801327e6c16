//! The host tree around the emulated VMs: configurations, processes, interfaces and control groups in which nothing is wrong.

use std::{fmt::Write as _, fs, os::unix::fs::symlink, path::Path};

/// Builds it.
pub fn build(dir: &Path, ids: &[u32]) {
    put(dir, "proc/loadavg", "0.10 0.20 0.30 1/500 4711\n");
    put(dir, "proc/meminfo", "MemTotal:       65536000 kB\nMemFree:        32768000 kB\nMemAvailable:   40960000 kB\n");
    put(dir, "proc/stat", "cpu  1000 0 500 100000 0 0 0 0 0 0\ncpu0 1000 0 500 100000 0 0 0 0 0 0\n");
    put(dir, "proc/sys/kernel/hostname", "emulated\n");
    put(dir, "sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n");
    put(dir, "sys/class/net/vmbr0/bridge/bridge_id", "8000.000000000001\n");
    interface(dir, "vmbr0");
    // The kernel's own list of sockets, where whoever has this tree for a root can mount it.
    fs::create_dir_all(dir.join("kernel/proc")).expect("mkdir");
    link(dir, "/kernel/proc/net/unix", "proc/net/unix");
    let mut counters = String::from(
        "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n",
    );
    for (at, vmid) in ids.iter().enumerate() {
        vm(dir, *vmid, 100_000 + at);
        let _ = writeln!(counters, "tap{vmid}i0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0");
    }
    counters.push_str(" vmbr0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n");
    put(dir, "proc/net/dev", &counters);
}

fn vm(dir: &Path, vmid: u32, pid: usize) {
    let conf = format!(
        "agent: 0\nballoon: 1024\ncores: 2\nmemory: 2048\nname: vm{vmid}\nnet0: virtio=BC:24:11:00:00:01,bridge=vmbr0\nostype: l26\nscsi0: local-lvm:vm-{vmid}-disk-0,size=32G\nscsi1: local-lvm:vm-{vmid}-disk-1,size=32G\nscsihw: virtio-scsi-single\nsockets: 1\n"
    );
    put(dir, &format!("etc/pve/qemu-server/{vmid}.conf"), &conf);
    put(dir, &format!("run/qemu-server/{vmid}.pid"), &format!("{pid}\n"));
    let line =
        ["/usr/bin/kvm", "-id", &vmid.to_string(), "-pidfile", &format!("/var/run/qemu-server/{vmid}.pid")].join("\0");
    put(dir, &format!("proc/{pid}/cmdline"), &(line + "\0"));
    let stat =
        format!("{pid} (kvm) S 1 {pid} {pid} 0 -1 4194624 1 0 0 0 100 50 0 0 20 0 4 0 4711 3000000000 500000 0\n");
    put(dir, &format!("proc/{pid}/stat"), &stat);
    put(dir, &format!("proc/{pid}/statm"), "700000 500000 5000 1000 0 600000 0\n");
    let tap = format!("tap{vmid}i0");
    interface(dir, &tap);
    link(dir, "../vmbr0", &format!("sys/class/net/{tap}/master"));
    put(dir, &format!("sys/class/net/{tap}/brport/state"), "3\n");
    let group = format!("sys/fs/cgroup/qemu.slice/{vmid}.scope");
    put(dir, &format!("{group}/cpu.stat"), "usage_usec 1000000\nuser_usec 800000\nsystem_usec 200000\n");
    put(dir, &format!("{group}/memory.current"), "1200000000\n");
    put(dir, &format!("{group}/memory.stat"), "anon 1100000000\nfile 100000000\n");
    for kind in ["cpu", "memory", "io"] {
        let pressure =
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        put(dir, &format!("{group}/{kind}.pressure"), pressure);
    }
}

fn interface(dir: &Path, name: &str) {
    for (file, text) in [("carrier", "1\n"), ("flags", "0x1003\n"), ("operstate", "unknown\n")] {
        put(dir, &format!("sys/class/net/{name}/{file}"), text);
    }
}

fn put(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().expect("a directory")).expect("mkdir");
    fs::write(path, text).expect("write");
}

fn link(dir: &Path, to: &str, name: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().expect("a directory")).expect("mkdir");
    let _ = fs::remove_file(&path);
    symlink(to, path).expect("symlink");
}
