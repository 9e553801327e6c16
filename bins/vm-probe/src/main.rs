//! `vm-probe`: the health of VMs.

fn main() -> std::process::ExitCode {
    vm_probe::main()
}
