//! The ioctls of a USB device's node (`include/uapi/linux/usbdevice_fs.h`).

use super::step::Control;
use nix::libc;
use std::{fs::File, io, os::fd::AsRawFd, path::Path};

/// How long a device may take for its answer, in milliseconds.
const PATIENCE: u32 = 1000;
/// The direction bit of `bmRequestType`: the device sends.
const FROM_DEVICE: u8 = 0x80;

#[repr(C)]
struct Transfer {
    kind: u8,
    request: u8,
    value: u16,
    index: u16,
    length: u16,
    timeout: u32,
    data: *mut libc::c_void,
}

#[allow(unsafe_code)]
mod calls {
    use super::Transfer;
    nix::ioctl_none!(usbdevfs_reset, b'U', 20);
    nix::ioctl_readwrite!(usbdevfs_control, b'U', 0, Transfer);
}

fn open(node: &Path) -> io::Result<File> {
    File::options().read(true).write(true).open(node)
}

/// Resets the device. `ENODEV` means that it came back as a device of its own, with another number.
pub(super) fn reset(node: &Path) -> io::Result<()> {
    let file = open(node)?;
    // SAFETY: the request takes no argument and writes to no memory of ours.
    #[allow(unsafe_code)]
    unsafe { calls::usbdevfs_reset(file.as_raw_fd()) }?;
    Ok(())
}

/// Makes a control transfer; what the device sent.
pub(super) fn control(node: &Path, control: &Control) -> io::Result<Vec<u8>> {
    let file = open(node)?;
    let mut data = vec![0u8; usize::from(control.length)];
    let mut transfer = Transfer {
        kind: control.kind,
        request: control.request,
        value: control.value,
        index: control.index,
        length: if control.kind & FROM_DEVICE == 0 { 0 } else { control.length },
        timeout: PATIENCE,
        data: data.as_mut_ptr().cast(),
    };
    // SAFETY: the kernel writes at most `length` bytes to `data`, which has as many and outlives the call.
    #[allow(unsafe_code)]
    let sent = unsafe { calls::usbdevfs_control(file.as_raw_fd(), &raw mut transfer) }?;
    data.truncate(usize::try_from(sent).unwrap_or(0));
    Ok(data)
}
