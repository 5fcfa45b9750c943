//! Which disks of a VM are its own: nothing that was attached to it is destroyed with it.

use vmgroup_vim::Value;

/// A disk among a VM's devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(crate) key: i32,
    /// The folder of its file, whatever datastore that is on.
    folder: Option<String>,
    /// It was made apart from any VM, such as a volume of a cluster: it outlives them.
    is_first_class: bool,
}

impl Disk {
    /// Its device key; negated, which vCenter gives to no device that exists, if it was attached
    /// and not made with the VM. Keys come again: a disk that is attached in place of one that
    /// was detached has the key of that one.
    pub(crate) fn known_as(&self, home: Option<&str>) -> i32 {
        let folder = self.folder.as_deref();
        let is_elsewhere = folder.zip(home).is_some_and(|(disk, vm)| disk != vm);
        if self.is_first_class || is_elsewhere {
            self.key.wrapping_neg()
        } else {
            self.key
        }
    }
}

/// The disks among a VM's devices.
pub(crate) fn disks(value: Option<&Value>) -> Vec<Disk> {
    let devices = value.map(Value::items).unwrap_or_default();
    let disks = devices
        .iter()
        .filter(|device| device.type_name() == "VirtualDisk");
    let disks = disks.filter_map(|device| {
        let file = device.get("backing.fileName").and_then(Value::as_str);
        Some(Disk {
            key: device.get("key")?.as_i64()?.try_into().ok()?,
            folder: file.and_then(folder_of).map(str::to_owned),
            is_first_class: device.get("vDiskId").is_some(),
        })
    });
    disks.collect()
}

/// The folder in a path such as `[datastore] folder/file`.
pub(crate) fn folder_of(path: &str) -> Option<&str> {
    let (_, path) = path.split_once("] ")?;
    Some(path.rsplit_once('/').map_or("", |(folder, _)| folder))
}
