//! Resets one USB device, by the least that helps, and proves that it came back.

fn main() -> std::process::ExitCode {
    usb_reset::main()
}
