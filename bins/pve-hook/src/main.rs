//! The hookscript of Proxmox VE, and what sets it up.

fn main() -> std::process::ExitCode {
    pve_hook::main()
}
