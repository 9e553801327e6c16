//! What is switched off, absent or silent is unknown, with the reason.

use super::*;
use crate::{
    config::probe::Origin,
    probe::instance::Hardware,
    pve::qmp::fake::{Reply, fails, returns, serve},
};
use serde_json::json;
use std::fs;

fn instance(host: &Host) -> Instance {
    let mut instance = Instance::new("7", Origin::Pve);
    instance.vmid = Some(7);
    instance.qmp = Some(host.qemu_run().join("7.qmp"));
    instance.hardware = Some(Hardware { display: true, audio: true, agent: true, ..Hardware::default() });
    instance
}

fn everything() -> Settings {
    Settings { frames: true, audio: true, agent: true, memory: true, ..Settings::default() }
}

fn reasons(slow: &Slow) -> [&str; 5] {
    let Slow { frames, display, audio_level, agent, memory, .. } = slow;
    [frames.reason(), display.reason(), audio_level.reason(), agent.reason(), memory.reason()]
        .map(Option::unwrap_or_default)
}

#[test]
fn nothing_is_done_that_is_not_switched_on() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let slow = look(&host, &instance(&host), &Settings::default(), &Deadline::after(Duration::from_secs(5)));
    assert!(reasons(&slow).iter().all(|why| why.starts_with("not switched on ([probe] ")), "{slow:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_vm_that_is_not_there_has_reasons_and_no_figures() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let slow = look(&host, &instance(&host), &everything(), &Deadline::after(Duration::from_secs(5)));
    let agent = "there is no agent socket: the agent was enabled after the VM had started";
    let absent = "there is no monitor socket";
    assert_eq!(reasons(&slow), [absent, absent, absent, agent, "its process is not known"]);
    let mut bare = instance(&host);
    bare.hardware = Some(Hardware::default());
    let slow = look(&host, &bare, &everything(), &Deadline::after(Duration::from_secs(5)));
    let agent = "the guest agent is not enabled in the VM's configuration";
    assert_eq!(reasons(&slow)[1..4], ["the VM has no display", "the VM has no audio device", agent]);
}

#[test]
fn a_recording_that_was_begun_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    let (tell, told) = std::sync::mpsc::channel();
    let mut file = None::<String>;
    serve(&host, 7, move |command, arguments| match command {
        "query-audiodevs" => returns(json!([{ "id": "none-backend0", "driver": "none" }])),
        "human-monitor-command" => {
            let line = arguments["command-line"].as_str().unwrap_or_default();
            tell.send(line.to_owned()).unwrap();
            if let Some(rest) = line.strip_prefix("wavcapture \"") {
                file = rest.split('"').next().map(ToOwned::to_owned);
            }
            match &file {
                Some(file) if line == "info capture" => {
                    returns(json!(format!("[0]: Capturing audio(44100,16,2) to {file}: 0 bytes\r\n")))
                }
                _ => returns(json!("")),
            }
        }
        "screendump" => fails("GenericError", "There is no console to take a screendump from"),
        _ => Reply::Nothing,
    });
    let slow = look(&host, &instance(&host), &everything(), &Deadline::after(Duration::from_secs(5)));
    assert_eq!(reasons(&slow)[0], "QEMU says: There is no console to take a screendump from");
    assert_eq!(reasons(&slow)[2], "the recording that QEMU wrote: No such file or directory (os error 2)");
    let lines: Vec<_> = told.try_iter().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[1].ends_with("\" none-backend0") && lines[3] == "stopcapture 0", "{lines:?}");
    assert_eq!(fs::read_dir(host.run_dir()).unwrap().count(), 0);
}
