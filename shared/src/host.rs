//! The host that is looked at: the only place with absolute paths. Everything is found below a root, so that a copied tree
//! can stand in for a machine.

use crate::{pci::Address, tree};
use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// A host tree, normally `/`.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
    boot_id: OnceLock<String>,
}

impl Default for Host {
    fn default() -> Self {
        Self::new("/")
    }
}

macro_rules! places {
    ($($(#[$doc:meta])* $name:ident = $path:literal;)*) => {
        impl Host {
            $($(#[$doc])* pub fn $name(&self) -> PathBuf { self.at($path) })*
        }
    };
}

places! {
    /// PCI devices by address.
    pci_devices = "sys/bus/pci/devices";
    /// PCI drivers by name.
    pci_drivers = "sys/bus/pci/drivers";
    /// Writing `1` here makes the kernel look for new PCI devices.
    pci_rescan = "sys/bus/pci/rescan";
    /// IOMMU groups by number.
    iommu_groups = "sys/kernel/iommu_groups";
    /// VFIO group devices by group number.
    vfio_class = "sys/class/vfio";
    /// VFIO's device nodes.
    vfio_nodes = "dev/vfio";
    /// Framebuffers.
    graphics_class = "sys/class/graphics";
    /// Virtual terminal consoles.
    vtconsole_class = "sys/class/vtconsole";
    /// Block devices.
    block_class = "sys/class/block";
    /// USB devices.
    usb_devices = "sys/bus/usb/devices";
    /// Loaded kernel modules.
    modules = "sys/module";
    /// Processes.
    proc = "proc";
    /// The kernel's command line.
    kernel_cmdline = "proc/cmdline";
    /// Every file lock and who holds it.
    proc_locks = "proc/locks";
    /// Every Unix socket and whether it is connected.
    proc_unix_sockets = "proc/net/unix";
    /// The kernel's log.
    kernel_log = "dev/kmsg";
    /// Where the syslog daemon listens.
    syslog = "dev/log";
    /// The cluster file system of Proxmox VE.
    pve = "etc/pve";
    /// The packages that dpkg knows.
    dpkg_status = "var/lib/dpkg/status";
    /// The VM configurations of this node.
    vm_configs = "etc/pve/qemu-server";
    /// The nodes of the cluster, each with its VM configurations.
    pve_nodes = "etc/pve/nodes";
    /// PVE's cluster-wide names for devices.
    pve_mapping = "etc/pve/mapping";
    /// Pid files and sockets of running VMs.
    qemu_run = "run/qemu-server";
    /// PVE's locks on VM configurations.
    qemu_lock = "var/lock/qemu-server";
    /// Our configuration.
    config_file = "etc/pve-hooks/config.toml";
    /// Executables that people chain after our hook.
    hooks_d = "etc/pve-hooks/hooks.d";
    /// State that ends with the boot: locks, intent, originals.
    run_dir = "run/pve-hooks";
    /// State that outlives the boot: history and baselines.
    lib_dir = "var/lib/pve-hooks";
    /// Where `local:snippets/NAME` points.
    snippets = "var/lib/vz/snippets";
    /// Exists where systemd is the init.
    systemd_marker = "run/systemd/system";
    /// driverctl's persistent overrides.
    driverctl_d = "etc/driverctl.d";
    /// Network interfaces.
    net_class = "sys/class/net";
    /// Ceph's OSDs, with links to their disks.
    ceph_osds = "var/lib/ceph/osd";
    /// Mounted btrfs file systems, by UUID.
    btrfs = "sys/fs/btrfs";
    /// Keyboards, mice and their like, with what the kernel does with each.
    input_devices = "proc/bus/input/devices";
    /// Corals on `PCIe`.
    apex_class = "sys/class/apex";
    /// The counters of every network interface, in one file.
    net_counters = "proc/net/dev";
    /// How busy the machine is.
    load_average = "proc/loadavg";
    /// How much memory the machine has.
    memory_info = "proc/meminfo";
    /// What the processors did since boot.
    processor_times = "proc/stat";
    /// Control groups.
    cgroups = "sys/fs/cgroup";
    /// ALSA cards.
    sound_cards = "proc/asound/cards";
    /// What PVE's HA manager looks after.
    ha_resources = "etc/pve/ha/resources.cfg";
    /// What PVE's HA manager is about to do.
    ha_status = "etc/pve/ha/manager_status";
    /// PVE's tasks that run.
    active_tasks = "var/log/pve/tasks/active";
    /// The certificate authority of a PVE cluster.
    pve_root_ca = "etc/pve/pve-root-ca.pem";
    /// The token, authority and namespace of a Kubernetes pod.
    service_account = "var/run/secrets/kubernetes.io/serviceaccount";
    /// Instances that are written down by hand.
    instances_file = "etc/pve-hooks/instances.json";
    /// The certificate authorities that programs of this machine trust.
    trusted_authorities = "etc/ssl/certs/ca-certificates.crt";
    /// What udev found out about devices.
    udev_data = "run/udev/data";
    /// There as long as udev is at work.
    udev_queue = "run/udev/queue";
}

impl Host {
    /// The tree below `root`. However the running machine is spelled (`/`, `.`, a link), it is the running machine.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let place = |path: &Path| fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
        let is_live = root == Path::new("/") || place(&root).is_some_and(|here| Some(here) == place(Path::new("/")));
        if !is_live {
            tree::plant(&root);
        }
        Self { root: if is_live { "/".into() } else { root }, boot_id: OnceLock::new() }
    }

    /// Whether this is the running machine rather than a tree that stands in for one.
    pub fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// A path of the host that no method names: for attributes found by walking.
    pub fn at(&self, relative: &str) -> PathBuf {
        self.root.join(relative.trim_start_matches('/'))
    }

    /// The same path as the host itself would spell it, for messages.
    pub fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(&self.root) {
            Ok(rest) => format!("/{}", rest.display()),
            Err(_) => path.display().to_string(),
        }
    }

    /// The directory of a PCI function.
    pub fn pci_device(&self, address: Address) -> PathBuf {
        self.pci_devices().join(address.to_string())
    }

    /// The directory of a PCI driver.
    pub fn pci_driver(&self, name: &str) -> PathBuf {
        self.pci_drivers().join(name)
    }

    /// The directory of a process.
    pub fn process(&self, pid: i32) -> PathBuf {
        self.proc().join(pid.to_string())
    }

    /// The id of this boot; empty where the tree has none.
    pub fn boot_id(&self) -> String {
        self.boot_id.get_or_init(|| line(&self.at("proc/sys/kernel/random/boot_id"))).clone()
    }

    /// The running kernel's release, as in `/lib/modules/RELEASE`.
    pub fn kernel_release(&self) -> String {
        line(&self.at("proc/sys/kernel/osrelease"))
    }

    /// The directory with the running kernel's module indexes.
    pub fn module_indexes(&self) -> PathBuf {
        self.at("lib/modules").join(self.kernel_release())
    }

    /// Where the database of PCI names may be.
    pub fn pci_ids(&self) -> [PathBuf; 2] {
        ["usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids"].map(|path| self.at(path))
    }

    /// Where PVE's helper may be that plugs a tap into its bridge; it moved with PVE 9.
    pub fn pve_bridge(&self) -> [PathBuf; 2] {
        ["usr/libexec", "var/lib"].map(|dir| self.at(dir).join("qemu-server/pve-bridge"))
    }

    /// The directories that configure modprobe; a file hides those of the same name in later ones.
    pub fn modprobe_dirs(&self) -> [PathBuf; 5] {
        ["etc", "run", "usr/local/lib", "usr/lib", "lib"].map(|dir| self.at(dir).join("modprobe.d"))
    }

    /// The directories with udev's rules; a file hides those of the same name in later ones.
    pub fn udev_rules_dirs(&self) -> [PathBuf; 5] {
        ["etc", "run", "usr/local/lib", "usr/lib", "lib"].map(|dir| self.at(dir).join("udev/rules.d"))
    }

    /// This node's name in the PVE cluster.
    pub fn node(&self) -> String {
        let by_link = tree::read_link(&self.pve().join("local")).ok();
        let name = by_link.as_deref().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
        let full = name.unwrap_or_else(|| match line(&self.at("etc/hostname")) {
            empty if empty.is_empty() => line(&self.at("proc/sys/kernel/hostname")),
            name => name,
        });
        full.split('.').next().unwrap_or_default().to_owned()
    }
}

fn line(path: &Path) -> String {
    read_text(path).map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// The names in a directory, sorted; none where it does not exist.
pub fn names(dir: &Path) -> Vec<String> {
    let Ok(entries) = tree::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<_> = entries.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// More than any file that we read has in earnest.
const LARGEST: usize = 8 << 20;

/// What the kernel hands out of a table at once.
const PAGE: usize = 4096;

/// A regular file's bytes. Nothing else is opened, so that a FIFO in its place cannot hold us up, nor a huge one fill memory.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(tree::target(path)?)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if meta.len() > LARGEST as u64 {
        return Err(io::Error::other("larger than 8 MiB"));
    }
    // The kernel's tables are read a page at a time: in smaller pieces a line is missed that moves up between two of them, as
    // one above goes.
    let (mut bytes, mut page) = (Vec::new(), [0; PAGE]);
    loop {
        match file.read(&mut page) {
            Ok(0) => return Ok(bytes),
            Ok(_) if bytes.len() > LARGEST => return Err(io::Error::other("larger than 8 MiB")),
            Ok(count) => bytes.extend_from_slice(&page[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A regular file's text.
pub fn read_text(path: &Path) -> io::Result<String> {
    read_file(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// A file's text, or `None` where it does not exist; any other error is one.
pub fn read_if_there(path: &Path) -> io::Result<Option<String>> {
    match read_file(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
