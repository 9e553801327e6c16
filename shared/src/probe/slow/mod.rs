//! What is costly, and therefore switched on one by one: how often the picture changes, how loud the VM is, whether its
//! guest agent answers, how much memory QEMU has to itself.

mod audio;
mod frames;
mod memory;
mod picture;
mod scratch;
mod wave;

use super::{
    evidence::{Agent, Display, Slow},
    figure::Figure,
    instance::Instance,
};
use crate::{
    config::probe::Settings,
    deadline::Deadline,
    host::Host,
    pve::{
        self, agent,
        qmp::{Monitor, Trouble},
    },
};
use scratch::Scratch;
use std::{path::Path, time::Duration};

/// How long the guest agent may take.
const AGENT: Duration = Duration::from_secs(2);

/// Looks at one VM, with the probes that are switched on. Takes seconds.
pub fn look(host: &Host, instance: &Instance, settings: &Settings, deadline: &Deadline) -> Slow {
    let (frames, display) = match switched_on(settings.frames, "frames").and_then(|()| monitor_of(instance)) {
        Ok(_) if instance.hardware.as_ref().is_some_and(|h| !h.display) => no_picture("the VM has no display".into()),
        Ok(path) => match Scratch::new(host) {
            Ok(scratch) => frames::look(host, path, &scratch, deadline),
            Err(why) => no_picture(why),
        },
        Err(why) => no_picture(why),
    };
    Slow {
        frames,
        display,
        audio_level: Figure {
            value: audio(host, instance, settings, deadline).map_err(Into::into),
            source: audio::SOURCE,
        },
        agent: Figure {
            value: agent(host, instance, settings, deadline).map_err(Into::into),
            source: "qga guest-sync",
        },
        memory: Figure { value: memory(host, instance, settings).map_err(Into::into), source: memory::SOURCE },
        at: super::now(),
    }
}

fn no_picture(why: String) -> (Figure<f64>, Figure<Display>) {
    (Figure::unknown(frames::SOURCE, why.clone()), Figure::unknown(frames::SOURCE, why))
}

fn audio(host: &Host, instance: &Instance, settings: &Settings, deadline: &Deadline) -> Result<f64, String> {
    switched_on(settings.audio, "audio")?;
    let path = monitor_of(instance)?;
    if instance.hardware.as_ref().is_some_and(|hardware| !hardware.audio) {
        return Err("the VM has no audio device".into());
    }
    audio::level(host, path, &Scratch::new(host)?, deadline)
}

fn agent(host: &Host, instance: &Instance, settings: &Settings, deadline: &Deadline) -> Result<Agent, String> {
    switched_on(settings.agent, "agent")?;
    match &instance.hardware {
        None => return Err("the source does not tell whether there is a guest agent".into()),
        Some(hardware) if !hardware.agent => {
            return Err("the guest agent is not enabled in the VM's configuration".into());
        }
        Some(_) => {}
    }
    let vmid = instance.vmid.ok_or("the source names no agent socket")?;
    match agent::ask(host, vmid, &deadline.within(AGENT)) {
        Ok(agent::Told { frozen, addresses }) => Ok(Agent::Ok { frozen, addresses }),
        Err(Trouble::NoAnswer) => Ok(Agent::Silent),
        Err(Trouble::Busy | Trouble::Full) => Ok(Agent::Busy),
        Err(Trouble::Absent) => Err("there is no agent socket: the agent was enabled after the VM had started".into()),
        Err(Trouble::Refused) => Err("nobody listens at its agent socket".into()),
        Err(Trouble::Closed) => Err("QEMU closed the session with the agent".into()),
        Err(trouble) => Err(trouble.to_string().replace("monitor", "agent")),
    }
}

fn memory(host: &Host, instance: &Instance, settings: &Settings) -> Result<u64, String> {
    switched_on(settings.memory, "memory")?;
    let by_number = instance.vmid.and_then(|vmid| pve::qemu_pid(host, vmid));
    let pid = by_number.or_else(|| Monitor::process_at(instance.qmp.as_deref()?));
    memory::own(host, pid.ok_or("its process is not known")?)
}

fn switched_on(is_on: bool, key: &str) -> Result<(), String> {
    if is_on { Ok(()) } else { Err(format!("not switched on ([probe] {key} = true)")) }
}

fn monitor_of(instance: &Instance) -> Result<&Path, String> {
    instance.qmp.as_deref().ok_or_else(|| "the source names no monitor".to_owned())
}

#[cfg(test)]
mod tests;
