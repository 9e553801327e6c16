//! Moves GPUs between their host driver and vfio-pci.

fn main() -> std::process::ExitCode {
    gpu_bind::main()
}
