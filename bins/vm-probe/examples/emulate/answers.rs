//! What an emulated monitor says: recorded of a QEMU with two disks and a drive without a medium.

use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// The answer to one line.
pub fn answer(line: &[u8]) -> Option<String> {
    let command: Value = serde_json::from_slice(line).ok()?;
    let id = &command["id"];
    let value = match command["execute"].as_str()? {
        "query-status" => r#"{"status": "running", "singlestep": false, "running": true}"#.into(),
        "query-block" => format!("[{}, {}, {EMPTY}]", block("scsi0"), block("scsi1")),
        "query-blockstats" => format!("[{}, {}, {}]", counters("scsi0"), counters("scsi1"), counters("ide2")),
        "query-balloon" => r#"{"actual": 2147483648}"#.into(),
        "qom-get" => guest_stats(),
        "query-vnc" => r#"{"enabled": true, "auth": "vnc", "family": "unix", "clients": [], "service": "/var/run/qemu-server/1.vnc", "host": ""}"#.into(),
        "qom-list" if command["arguments"]["path"] == "/machine/peripheral" => PERIPHERAL.into(),
        "qom-list" => r#"[{"name": "type", "type": "string"}]"#.into(),
        "qmp_capabilities" | "query-migrate" | "query-savevm" => "{}".into(),
        other => {
            let desc = format!("The command {other} has not been found");
            let error = json!({ "id": id, "error": { "class": "CommandNotFound", "desc": desc } });
            return Some(format!("{error}\r\n"));
        }
    };
    Some(format!("{{\"return\": {value}, \"id\": {id}}}\r\n"))
}

const EMPTY: &str = r#"{"io-status": "ok", "device": "drive-ide2", "locked": false, "removable": true, "qdev": "ide2", "tray_open": false, "type": "unknown"}"#;

const PERIPHERAL: &str = r#"[{"name": "type", "type": "string"}, {"name": "balloon0", "type": "child<virtio-balloon-pci>"}, {"name": "virtioscsi0", "type": "child<virtio-scsi-pci>"}, {"name": "virtioscsi1", "type": "child<virtio-scsi-pci>"}, {"name": "tablet", "type": "child<usb-tablet>"}, {"name": "vga", "type": "child<VGA>"}, {"name": "net0", "type": "child<virtio-net-pci>"}, {"name": "scsi0", "type": "child<scsi-hd>"}, {"name": "scsi1", "type": "child<scsi-hd>"}, {"name": "ide2", "type": "child<ide-cd>"}]"#;

fn block(name: &str) -> String {
    format!(
        r#"{{"io-status": "ok", "device": "drive-{name}", "locked": false, "removable": false, "inserted": {{"iops_rd": 0, "detect_zeroes": "on", "image": {{"virtual-size": 34359738368, "filename": "/dev/pve/vm-1000-disk-0", "format": "raw", "actual-size": 0, "dirty-flag": false}}, "iops_wr": 0, "ro": false, "node-name": "\#block102", "backing_file_depth": 0, "drv": "raw", "iops": 0, "bps_wr": 0, "write_threshold": 0, "encrypted": false, "bps": 0, "bps_rd": 0, "cache": {{"no-flush": false, "direct": true, "writeback": true}}, "file": "/dev/pve/vm-1000-disk-0"}}, "qdev": "{name}", "type": "unknown"}}"#
    )
    .replace("\\#", "#")
}

fn counters(name: &str) -> String {
    let stats = r#"{"unmap_operations": 0, "unmap_merged": 0, "flush_total_time_ns": 291823, "wr_highest_offset": 8372224, "wr_total_time_ns": 9182736, "failed_wr_operations": 0, "failed_rd_operations": 0, "wr_merged": 0, "wr_bytes": 123456789, "timed_stats": [], "failed_unmap_operations": 0, "failed_flush_operations": 0, "account_invalid": true, "rd_total_time_ns": 1023488, "invalid_unmap_operations": 0, "flush_operations": 12, "wr_operations": 4711, "unmap_bytes": 0, "rd_merged": 0, "rd_bytes": 987654321, "unmap_total_time_ns": 0, "invalid_flush_operations": 0, "account_failed": true, "idle_time_ns": 58683005, "rd_operations": 815, "invalid_wr_operations": 0, "invalid_rd_operations": 0}"#;
    format!(
        r#"{{"device": "drive-{name}", "parent": {{"stats": {stats}, "node-name": "block055", "driver-specific": {{"discard-bytes-ok": 0, "discard-nb-ok": 0, "driver": "host_device", "discard-nb-failed": 0}}}}, "stats": {stats}, "node-name": "block102", "qdev": "{name}"}}"#
    )
}

fn guest_stats() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    format!(
        r#"{{"stats": {{"stat-htlb-pgalloc": 0, "stat-swap-out": 0, "stat-available-memory": 1610612736, "stat-htlb-pgfail": 0, "stat-free-memory": 1073741824, "stat-minor-faults": 123456, "stat-major-faults": 123, "stat-total-memory": 2075635712, "stat-swap-in": 0, "stat-disk-caches": 536870912}}, "last-update": {now}}}"#
    )
}
