//! Says whether a Coral works, from the socket to the guest, and cures it.

fn main() -> std::process::ExitCode {
    coral_check::main()
}
