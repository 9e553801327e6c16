//! Questions to a guest, through PVE's own `qm guest exec`. An agent that does not answer makes things unknown, never missing.

#[cfg(test)]
mod tests;

use super::{VmConfig, load, qm};
use crate::{
    clock, command,
    fault::{Code, Fault},
    host::Host,
};
use serde_json::Value;
use std::time::Duration;

/// What came of a command in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It ran.
    Ran {
        /// Its exit code.
        exit_code: i32,
        /// What it wrote to stdout.
        stdout: String,
        /// What it wrote to stderr.
        stderr: String,
    },
    /// Whether it ran is not known, and why.
    Unknown(String),
}

/// `qm` itself takes about this long: to start, and to ask whether the agent is there.
const OVERHEAD: Duration = Duration::from_secs(4);

/// Every USB device of a Linux guest, which need not have lsusb. The last line says that nothing is missing; without sysfs
/// there is nothing to conclude from.
const LINUX: &str = r#"[ -d /sys/bus ] || exit 3
for d in /sys/bus/usb/devices/*; do
  [ -r "$d/idVendor" ] && read -r v <"$d/idVendor" && read -r p <"$d/idProduct" && echo "$v:$p"
done
echo end"#;

/// The same for Windows.
const WINDOWS: &str = r"$ErrorActionPreference = 'Stop'
Get-PnpDevice -PresentOnly | Where-Object { $_.InstanceId -like 'USB\VID_*' } | ForEach-Object { $_.InstanceId }
'end'";

/// Runs a command in the guest and waits for it.
pub fn exec(host: &Host, vmid: u32, argv: &[&str], timeout: Duration) -> Answer {
    match load(host, vmid) {
        Ok(config) => exec_in(host, &config, argv, timeout),
        Err(error) => Answer::Unknown(format!("{error:#}")),
    }
}

fn exec_in(host: &Host, config: &VmConfig, argv: &[&str], timeout: Duration) -> Answer {
    let vmid = config.vmid;
    if !config.agent_enabled {
        return Answer::Unknown(format!(
            "the guest agent is not enabled in the VM's configuration ({}, then restart the VM)",
            qm::enable_agent_command(vmid)
        ));
    }
    let program = match qm::program(host, "qm", &format!("qm guest exec {vmid}")) {
        Ok(program) => program,
        Err(error) => return Answer::Unknown(format!("{error:#}")),
    };
    exec_by(&program, vmid, argv, timeout)
}

fn exec_by(program: &str, vmid: u32, argv: &[&str], timeout: Duration) -> Answer {
    let vmid = vmid.to_string();
    // What qm waits for is the command in the guest alone; 0 would mean for ever.
    let seconds = timeout.saturating_sub(OVERHEAD).as_secs().max(1).to_string();
    let words = [program, "guest", "exec", &vmid, "--timeout", &seconds, "--"];
    let words: Vec<_> = words.iter().chain(argv).copied().collect();
    match command::run(&words, timeout) {
        Ok(output) => understand(&output, &seconds),
        Err(error) if Fault::code_of(&error) == Code::Wedged => {
            Answer::Unknown(format!("qm guest exec {vmid}: no end within {}", clock::spoken(timeout)))
        }
        Err(error) => Answer::Unknown(format!("qm guest exec {vmid}: {:#}", error.root_cause())),
    }
}

fn understand(output: &command::Output, seconds: &str) -> Answer {
    // Some versions of qm warn on stdout before the document.
    let document = output.stdout.find('{').map_or("", |start| &output.stdout[start..]);
    let said = || {
        let line = output.complaint();
        if line.is_empty() { "nothing".to_owned() } else { line }
    };
    let Ok(Value::Object(answer)) = serde_json::from_str::<Value>(document) else {
        return Answer::Unknown(if output.status.success() { format!("qm said: {}", said()) } else { said() });
    };
    if answer.get("exited").is_none_or(|exited| number(exited) == Some(0)) {
        let what = match answer.get("pid") {
            Some(_) => format!("the command did not end in the guest within {seconds}s"),
            None => format!("qm said: {}", said()),
        };
        return Answer::Unknown(what);
    }
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if ["out-truncated", "err-truncated"].iter().any(|key| answer.get(*key).and_then(number).is_some_and(|n| n != 0)) {
        return Answer::Unknown("the guest's answer was too long and is cut off".into());
    }
    match answer.get("exitcode").and_then(number).and_then(|code| i32::try_from(code).ok()) {
        Some(exit_code) => Answer::Ran { exit_code, stdout: text("out-data"), stderr: text("err-data") },
        None => match answer.get("signal").and_then(number) {
            Some(signal) => Answer::Unknown(format!("signal {signal} ended the command in the guest")),
            None => Answer::Unknown("the guest did not say how the command ended".into()),
        },
    }
}

/// PVE prints booleans as 0 and 1, and numbers now and then as text.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(flag) => Some(i64::from(*flag)),
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    }
}

/// The ids (vendor, product) of the USB devices that the guest lists; the error says why that is unknown.
pub fn usb_ids(host: &Host, config: &VmConfig, timeout: Duration) -> Result<Vec<(u16, u16)>, String> {
    let windows = config.is_windows();
    let argv: &[&str] = if windows {
        &["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", WINDOWS]
    } else {
        &["/bin/sh", "-c", LINUX]
    };
    let (code, stdout, stderr) = match exec_in(host, config, argv, timeout) {
        Answer::Unknown(why) => return Err(why),
        Answer::Ran { exit_code, stdout, stderr } => (exit_code, stdout, stderr),
    };
    match listed(&stdout, windows) {
        // A running guest has at least the root hub of the controller that it was given.
        Some(ids) if ids.is_empty() && !windows => {
            Err("the guest lists no USB device at all, not even a root hub".into())
        }
        Some(ids) if code == 0 => Ok(ids),
        _ => {
            let words: String = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            let words: String = words.chars().filter(|c| !c.is_control()).take(200).collect();
            let why = if words.is_empty() { String::new() } else { format!(": {words}") };
            Err(format!("the guest could not list its USB devices (exit code {code}){why}"))
        }
    }
}

/// The ids in a guest's list, sorted; `None` where its end is missing. A line that is none is skipped.
fn listed(text: &str, windows: bool) -> Option<Vec<(u16, u16)>> {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let (end, lines) = lines.split_last()?;
    let parse = |line: &&str| if windows { instance(line) } else { plain(line) };
    let mut ids: Vec<_> = lines.iter().filter_map(parse).collect();
    ids.sort_unstable();
    (*end == "end").then_some(ids)
}

/// `18d1:9302`.
fn plain(line: &str) -> Option<(u16, u16)> {
    let (vendor, product) = line.split_once(':')?;
    hex(vendor).zip(hex(product))
}

/// `USB\VID_18D1&PID_9302\5&2B…`. The functions of a composite device are listed as well, with `&MI_00`; they are skipped.
fn instance(line: &str) -> Option<(u16, u16)> {
    let (id, _) = line.strip_prefix(r"USB\VID_")?.split_once('\\')?;
    let (vendor, product) = id.split_once("&PID_")?;
    hex(vendor).zip(hex(product))
}

fn hex(digits: &str) -> Option<u16> {
    let plain = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    plain.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}
