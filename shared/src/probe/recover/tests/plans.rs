//! Which commands there are for what is wrong.

use super::*;

#[test]
fn each_ladder_has_its_exact_commands() {
    let world = World::new("running");
    let host = world.host();
    let cut = |path: Path| {
        let mut card = nic("net0", "tap111i0");
        card.path = known(path);
        known(vec![card])
    };
    let no_port = || Path::NoPort { interface: "tap111i0".into(), bridge: "vmbr0".into() };
    let commands =
        |evidence: &Evidence| plan::plan(&host, evidence, &judge(evidence), &world.policy).commands().join("; ");

    let down = world.spoiled(|_, f, _| f.nics = cut(Path::Down("fwpr111p0".into())));
    assert_eq!(commands(&down), "ip link set fwpr111p0 up");
    for foreign in ["eno1.5", "fwpr112p0", "-x", "vmbr0v5"] {
        let evidence = world.spoiled(|_, f, _| f.nics = cut(Path::Down(foreign.into())));
        assert_eq!(commands(&evidence), "", "{foreign}");
        assert!(world.refusal(&evidence, &policy()).contains("is not the VM's own"), "{foreign}");
    }
    let lost = world.spoiled(|_, f, _| f.nics = cut(no_port()));
    assert_eq!(commands(&lost), "");
    let refused = world.run_with(&policy(), || lost.clone()).unwrap_err();
    let refused = Fault::of(&refused).unwrap();
    assert!(refused.what.contains("pve-bridge is not there"), "{}", refused.what);
    assert_eq!(refused.next.as_deref(), Some("apt install --reinstall qemu-server"));
    let [new, old] = host.pve_bridge();
    for helper in [old, new] {
        fs::create_dir_all(helper.parent().unwrap()).unwrap();
        fs::write(&helper, "").unwrap();
        assert_eq!(commands(&lost), format!("{} tap111i0", host.shown(&helper)));
    }
    let firewall = world.spoiled(|_, f, _| f.nics = cut(Path::Missing("fwbr111i0".into())));
    assert_eq!(commands(&firewall), "/usr/libexec/qemu-server/pve-bridge tap111i0");
    // In a container there is no such helper, and nothing to lose but the port.
    let contained = world.spoiled(|i, f, _| (i.origin, f.nics) = (Origin::Container, cut(no_port())));
    assert_eq!(commands(&contained), "");
    fs::create_dir_all(host.net_class().join("vmbr0/bridge")).unwrap();
    assert_eq!(commands(&contained), "ip link set tap111i0 master vmbr0");
    // The network first, then QEMU; the same command once.
    let mixed = world.spoiled(|_, f, d| {
        f.nics = cut(Path::Down("tap111i0".into()));
        d.run_state = known("guest-panicked".into());
    });
    assert_eq!(commands(&mixed), "ip link set tap111i0 up; QMP 111: system_reset; QMP 111: cont");
}

#[test]
fn a_client_is_restarted_by_its_own_command_and_the_vm_left_alone() {
    let mut world = World::new("running");
    let evidence = |id: &str| {
        let mut evidence = world.spoiled(|i, _, _| id.clone_into(&mut i.id));
        let class = Class::Client;
        let check = Checked { at: now(), took: 1, passed: Some(false), detail: String::new(), class };
        evidence.checks.insert("stream".into(), check);
        evidence
    };
    let (plain, strange) = (evidence("111"), evidence("-rf"));
    assert!(world.refusal(&plain, &policy()).contains("set client_command"));
    world.policy.client_command = ["systemctl", "restart", "stream@{id}"].map(str::to_owned).into();
    let planned =
        |world: &World, evidence: &Evidence| plan::plan(&world.host(), evidence, &judge(evidence), &world.policy);
    assert_eq!(planned(&world, &plain).commands(), ["systemctl restart stream@111"]);
    world.policy.client_command = ["restart", "{id}"].map(str::to_owned).into();
    assert_eq!(planned(&world, &plain).commands(), ["restart 111"]);
    assert!(planned(&world, &strange).commands().is_empty());
}
