//! The one table from vSphere's properties to the inventory's words.

use std::collections::{BTreeMap, BTreeSet};

use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_core::time::Timestamp;
use vmgroup_reconcile::inventory::{Heartbeat, TaskId, Vm};
use vmgroup_vim::{MissingProperty, ObjectContent, PropertyChange, Value};

use crate::disks::{Disk, disks, folder_of};
use crate::fault::power_state;
use crate::labels;
use crate::names::unescape;

/// The type of a VM.
pub(crate) const VM: &str = "VirtualMachine";
/// The property of a VM that lists its tasks, ended ones included.
pub(crate) const RECENT_TASKS: &str = "recentTask";

/// What is known of a VM, property by property; what is unset is `None`. Values
/// are reduced as they arrive: a vCenter has 20,000 of these.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    name: Option<String>,
    parent: Option<String>,
    instance_uuid: Option<String>,
    template: Option<bool>,
    marker: Option<String>,
    spec_hash: Option<String>,
    hold: Option<String>,
    power: Option<PowerState>,
    connection: Option<String>,
    question: bool,
    failover: bool,
    cpus: Option<u32>,
    memory_mib: Option<u64>,
    cpu_hot_add: Option<bool>,
    memory_hot_add: Option<bool>,
    disks: Vec<Disk>,
    /// The folder of its own files, whatever datastore they are on.
    home: Option<String>,
    snapshot: bool,
    destroy_disabled: bool,
    created_at: Option<Timestamp>,
    tools_running: Option<bool>,
    tools_installed: bool,
    heartbeat: Heartbeat,
    ip: Option<String>,
    attributes: Vec<(i32, String)>,
    recent_tasks: Vec<TaskId>,
    change_version: Option<String>,
    /// The change version at which the devices were read.
    devices_at: Option<Option<String>>,
    /// Of `KEYS` and `GUARDS`: what vCenter would not tell.
    untold: BTreeSet<&'static str>,
}

type Setter = fn(&mut Record, Option<&Value>);

/// Property path and what its value, or its absence, means. A test holds the
/// keys of `extraConfig` against the core's.
const TABLE: &[(&str, Setter)] = &[
    ("name", |r, v| r.name = text(v).map(|name| unescape(&name))),
    ("parent", |r, v| r.parent = reference(v)),
    ("config.instanceUuid", |r, v| r.instance_uuid = filled(v)),
    ("config.template", |r, v| r.template = flag(v)),
    (MARKER, |r, v| r.marker = option(v)),
    (SPEC_HASH, |r, v| r.spec_hash = option(v)),
    (HOLD, |r, v| r.hold = option(v)),
    ("config.hardware.numCPU", |r, v| r.cpus = number(v)),
    ("config.hardware.memoryMB", |r, v| r.memory_mib = number(v)),
    (DEVICES, |r, v| r.disks = disks(v)),
    (FILES, |r, v| {
        r.home = v
            .and_then(Value::as_str)
            .and_then(folder_of)
            .map(str::to_owned);
    }),
    ("config.cpuHotAddEnabled", |r, v| r.cpu_hot_add = flag(v)),
    ("config.memoryHotAddEnabled", |r, v| {
        r.memory_hot_add = flag(v);
    }),
    ("config.createDate", |r, v| r.created_at = time(v)),
    ("runtime.powerState", |r, v| {
        r.power = v.map(|v| power_state(v.as_str()));
    }),
    ("runtime.connectionState", |r, v| r.connection = text(v)),
    (QUESTION, |r, v| r.question = v.is_some()),
    (FAILOVER, |r, v| {
        r.failover = flag(v) == Some(true);
    }),
    (SNAPSHOT, |r, v| r.snapshot = v.is_some()),
    (DISABLED, |r, v| {
        let methods = v.map(Value::items).unwrap_or_default();
        r.destroy_disabled = methods.iter().any(|m| m.as_str() == Some("Destroy_Task"));
    }),
    // `guestToolsExecutingScripts` is on the way up or down.
    ("guest.toolsRunningStatus", |r, v| {
        r.tools_running = text(v).and_then(|word| match &*word {
            "guestToolsRunning" => Some(true),
            "guestToolsNotRunning" | "guestToolsExecutingScripts" => Some(false),
            _ => None,
        });
    }),
    ("guest.toolsVersionStatus2", |r, v| {
        let status = v.and_then(Value::as_str);
        r.tools_installed = status.is_some_and(|word| word != "guestToolsNotInstalled");
    }),
    ("guestHeartbeatStatus", |r, v| {
        r.heartbeat = match v.and_then(Value::as_str) {
            Some("green") => Heartbeat::Green,
            Some("yellow") => Heartbeat::Yellow,
            Some("red") => Heartbeat::Red,
            _ => Heartbeat::Gray,
        };
    }),
    ("guest.ipAddress", |r, v| r.ip = filled(v)),
    ("customValue", |r, v| r.attributes = labels::values(v)),
    (RECENT_TASKS, |r, v| {
        let tasks = v.map(Value::references).into_iter().flatten();
        r.recent_tasks = tasks.map(|task| task.id.clone()).collect();
    }),
];

const MARKER: &str = r#"config.extraConfig["vmgroup.marker"]"#;
const SPEC_HASH: &str = r#"config.extraConfig["vmgroup.spec-hash"]"#;
const HOLD: &str = r#"config.extraConfig["vmgroup.hold"]"#;
const SNAPSHOT: &str = "snapshot";
const QUESTION: &str = "runtime.question";
const FAILOVER: &str = "runtime.vmFailoverInProgress";
const DISABLED: &str = "disabledMethod";

/// The property with a VM's devices.
pub(crate) const DEVICES: &str = "config.hardware.device";

/// The property with the path of a VM's own file.
const FILES: &str = "config.files.vmPathName";

/// They say whose a VM is and who holds it: without them it is unreadable.
const KEYS: &[&str] = &[MARKER, SPEC_HASH, HOLD];

/// What a destroy takes along, and what speaks against touching a VM: without it a VM counts as
/// not reached.
const GUARDS: &[&str] = &[
    DEVICES,
    FILES,
    SNAPSHOT,
    QUESTION,
    FAILOVER,
    DISABLED,
    RECENT_TASKS,
];

/// Changes whenever the configuration does.
const CHANGE_VERSION: &str = "config.changeVersion";

/// The paths that one read of a VM asks for.
pub(crate) fn vm_paths() -> Vec<&'static str> {
    TABLE.iter().map(|(path, _)| *path).collect()
}

/// The paths that the feed follows: all but the devices, which are nine tenths
/// of a VM's bytes and change only with the configuration.
pub(crate) fn feed_paths() -> Vec<&'static str> {
    let mut paths = vm_paths();
    paths.retain(|path| *path != DEVICES);
    paths.push(CHANGE_VERSION);
    paths
}

/// The paths that are read once the configuration has changed: the devices, and
/// what not every server tells by itself (vcsim keeps processors, memory and the
/// UUID of a reconfiguration to itself).
pub(crate) fn config_paths() -> Vec<&'static str> {
    let mut paths = vm_paths();
    paths.retain(|path| path.starts_with("config."));
    paths
}

impl Record {
    /// What a read gave.
    pub(crate) fn read(content: &ObjectContent) -> Self {
        let mut record = Record::default();
        for (path, value) in &content.properties {
            record.set(path, Some(value));
        }
        for missing in &content.missing {
            record.miss(missing);
        }
        record
    }

    /// A record that is told anew, with what the feed does not tell.
    pub(crate) fn entered_again(&self) -> Self {
        let devices = self.untold.get(DEVICES).copied();
        Record {
            disks: self.disks.clone(),
            devices_at: self.devices_at.clone(),
            untold: devices.into_iter().collect(),
            ..Record::default()
        }
    }

    /// The configuration has changed since it was last read as a whole.
    pub(crate) fn is_behind(&self) -> bool {
        self.instance_uuid.is_some() && self.devices_at.as_ref() != Some(&self.change_version)
    }

    /// What a later read of the configuration gave.
    pub(crate) fn reread_config(&mut self, content: &ObjectContent) {
        for path in config_paths() {
            self.set(path, content.get(path));
        }
        for missing in &content.missing {
            self.miss(missing);
        }
        if !self.is_untold(&[DEVICES]) {
            self.devices_at = Some(self.change_version.clone());
        }
    }

    /// What an update says of one property.
    pub(crate) fn change(&mut self, change: &PropertyChange) {
        self.set(&change.path, change.value.as_ref());
    }

    /// A property cannot be read, such as for want of a permission. What it would
    /// say is unknown from here on, until it is told.
    pub(crate) fn miss(&mut self, missing: &MissingProperty) {
        self.set(&missing.path, None);
        // What the server does not know of at all is unset.
        if missing.fault.name != "InvalidProperty" {
            let paths = KEYS.iter().chain(GUARDS);
            let untold = paths.filter(|path| within(path, &missing.path).is_some());
            self.untold.extend(untold);
        }
    }

    fn is_untold(&self, paths: &[&'static str]) -> bool {
        paths.iter().any(|path| self.untold.contains(path))
    }

    /// A property has this value, or none. Where vCenter names a property around
    /// those of the table, all inside it are set.
    pub(crate) fn set(&mut self, path: &str, value: Option<&Value>) {
        if path == CHANGE_VERSION {
            self.change_version = text(value);
            return;
        }
        for (known, setter) in TABLE {
            let Some(inside) = within(known, path) else {
                continue;
            };
            self.untold.remove(known);
            if inside.is_empty() {
                return setter(self, value);
            }
            setter(self, value.and_then(|value| inner(value, inside)));
        }
    }

    /// Tasks on the VM, ended ones included.
    pub(crate) fn recent_tasks(&self) -> &[TaskId] {
        &self.recent_tasks
    }

    /// Custom attributes: keys and values.
    pub(crate) fn attributes(&self) -> &[(i32, String)] {
        &self.attributes
    }

    /// The VM, with those tasks running on it; its labels have no names here.
    pub(crate) fn vm(&self, id: &str, tasks: BTreeSet<TaskId>) -> Vm {
        let connection = self.connection.as_deref();
        // vCenter unsets the configuration then; what was known may be stale.
        let readable =
            !matches!(connection, Some("inaccessible" | "invalid")) && !self.is_untold(KEYS);
        let kept = |value: &Option<String>| value.clone().filter(|_| readable);
        let power = self.power.unwrap_or(PowerState::Unknown);
        let home = self.home.as_deref();
        let disks = self.disks.iter().map(|disk| disk.known_as(home));
        let mut disks: Vec<i32> = disks.collect();
        disks.sort_unstable();
        Vm {
            id: id.to_owned(),
            name: self.name.clone().unwrap_or_default(),
            folder: self.parent.clone(),
            instance_uuid: kept(&self.instance_uuid),
            template: self.template.unwrap_or(false),
            marker: kept(&self.marker),
            spec_hash: kept(&self.spec_hash),
            hold: kept(&self.hold),
            power,
            connection: match connection_state(connection) {
                Connection::Connected if self.is_untold(GUARDS) => Connection::Unknown,
                state => state,
            },
            cpus: self.cpus.unwrap_or(0),
            memory_mib: self.memory_mib.unwrap_or(0),
            cpu_hot_add: self.cpu_hot_add.unwrap_or(false),
            memory_hot_add: self.memory_hot_add.unwrap_or(false),
            disks,
            snapshot: self.snapshot,
            question: self.question,
            failover: self.failover,
            // Destroy is disabled on every VM that runs.
            destroy_disabled: self.destroy_disabled && power == PowerState::Off,
            created_at: self.created_at,
            tools_running: self.tools_running.filter(|_| self.tools_installed),
            heartbeat: self.heartbeat,
            ip: self.ip.clone(),
            labels: BTreeMap::new(),
            tasks: tasks.into_iter().collect(),
        }
    }
}

fn connection_state(word: Option<&str>) -> Connection {
    match word {
        Some("connected") => Connection::Connected,
        // An orphaned VM is one that its host does not know.
        Some("disconnected" | "orphaned") => Connection::Disconnected,
        Some("inaccessible" | "invalid") => Connection::Inaccessible,
        _ => Connection::Unknown,
    }
}

/// What is left of a path below another one: empty if they are the same, none if
/// it is elsewhere.
fn within<'a>(path: &'a str, around: &str) -> Option<&'a str> {
    let inside = path.strip_prefix(around)?;
    (inside.is_empty() || inside.starts_with(['.', '['])).then_some(inside)
}

/// The value at `inside` (`.a.b` or `.a["key"]`) within a value.
fn inner<'a>(value: &'a Value, inside: &str) -> Option<&'a Value> {
    let (fields, key) = match inside.split_once('[') {
        Some((fields, key)) => (fields, Some(key.trim_end_matches(']').trim_matches('"'))),
        None => (inside, None),
    };
    let fields = fields.trim_start_matches('.');
    let Some(key) = key else {
        return value.get(fields);
    };
    let items = match fields {
        "" => value.items().iter().collect(),
        fields => value.list(fields),
    };
    items.into_iter().find(|item| item.text("key") == Some(key))
}

fn text(value: Option<&Value>) -> Option<String> {
    value?.as_str().map(str::to_owned)
}

fn filled(value: Option<&Value>) -> Option<String> {
    text(value).filter(|text| !text.is_empty())
}

fn reference(value: Option<&Value>) -> Option<String> {
    Some(value?.as_reference()?.id.clone())
}

fn flag(value: Option<&Value>) -> Option<bool> {
    value?.as_bool()
}

fn number<T: TryFrom<i64>>(value: Option<&Value>) -> Option<T> {
    T::try_from(value?.as_i64()?).ok()
}

fn time(value: Option<&Value>) -> Option<Timestamp> {
    let ms = value?.as_timestamp()?.as_millisecond();
    u64::try_from(ms).ok().map(Timestamp)
}

/// The value of a key of `extraConfig`; an empty one is none.
fn option(value: Option<&Value>) -> Option<String> {
    filled(value?.get("value"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use vmgroup_core::marker::{HOLD_KEY, MARKER_KEY, SPEC_HASH_KEY};
    use vmgroup_vim::{ChangeKind, Fault, FaultKind, ManagedObjectRef};

    pub(crate) fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    pub(crate) fn object(type_name: &str, fields: &[(&str, Value)]) -> Value {
        let fields = fields.iter().map(|(n, v)| ((*n).to_owned(), v.clone()));
        Value::Object {
            type_name: type_name.to_owned(),
            fields: fields.collect(),
        }
    }

    fn option_value(key: &str, value: &str) -> Value {
        object("OptionValue", &[("key", text(key)), ("value", text(value))])
    }

    fn full() -> Vec<(&'static str, Value)> {
        let disk = |key| object("VirtualDisk", &[("key", text(key))]);
        let card = object("VirtualVmxnet3", &[("key", text("4000"))]);
        let task = Value::Ref(ManagedObjectRef::task("task-1"));
        vec![
            ("name", text("a%2fb")),
            ("parent", Value::Ref(ManagedObjectRef::folder("group-v3"))),
            ("config.instanceUuid", text("u")),
            ("config.template", text("true")),
            (
                r#"config.extraConfig["vmgroup.marker"]"#,
                option_value(MARKER_KEY, "m"),
            ),
            (
                r#"config.extraConfig["vmgroup.spec-hash"]"#,
                option_value(SPEC_HASH_KEY, "h"),
            ),
            (
                r#"config.extraConfig["vmgroup.hold"]"#,
                option_value(HOLD_KEY, "why"),
            ),
            ("config.hardware.numCPU", text("2")),
            ("config.hardware.memoryMB", text("1024")),
            (
                "config.hardware.device",
                Value::Array(vec![disk("2001"), card, disk("2000")]),
            ),
            ("config.files.vmPathName", text("[fast] one/one.vmx")),
            ("config.cpuHotAddEnabled", text("true")),
            ("config.memoryHotAddEnabled", text("true")),
            ("config.createDate", text("1970-01-01T00:00:01Z")),
            ("runtime.powerState", text("poweredOff")),
            ("runtime.connectionState", text("connected")),
            (
                "runtime.question",
                object("VirtualMachineQuestionInfo", &[]),
            ),
            ("runtime.vmFailoverInProgress", text("true")),
            ("snapshot", object("VirtualMachineSnapshotInfo", &[])),
            ("disabledMethod", Value::Array(vec![text("Destroy_Task")])),
            ("guest.toolsRunningStatus", text("guestToolsRunning")),
            ("guest.toolsVersionStatus2", text("guestToolsCurrent")),
            ("guestHeartbeatStatus", text("green")),
            ("guest.ipAddress", text("192.0.2.1")),
            ("customValue", Value::Array(vec![])),
            ("recentTask", Value::Array(vec![task])),
        ]
    }

    fn record(values: &[(&str, Value)]) -> Record {
        let mut record = Record::default();
        for (path, value) in values {
            record.set(path, Some(value));
        }
        record
    }

    fn nothing() -> BTreeSet<TaskId> {
        BTreeSet::new()
    }

    #[test]
    fn every_property_has_its_place_and_none_is_forgotten() {
        let paths: Vec<&str> = full().iter().map(|(path, _)| *path).collect();
        assert_eq!(paths, vm_paths());
        let record = record(&full());
        assert_eq!(record.recent_tasks(), ["task-1"]);
        let vm = record.vm("vm-1", BTreeSet::from(["task-1".to_owned()]));
        let wanted = Vm {
            id: "vm-1".into(),
            name: "a/b".into(),
            folder: Some("group-v3".into()),
            instance_uuid: Some("u".into()),
            template: true,
            marker: Some("m".into()),
            spec_hash: Some("h".into()),
            hold: Some("why".into()),
            power: PowerState::Off,
            connection: Connection::Connected,
            cpus: 2,
            memory_mib: 1024,
            cpu_hot_add: true,
            memory_hot_add: true,
            disks: vec![2000, 2001],
            snapshot: true,
            question: true,
            failover: true,
            destroy_disabled: true,
            created_at: Some(Timestamp(1_000)),
            tools_running: Some(true),
            heartbeat: Heartbeat::Green,
            ip: Some("192.0.2.1".into()),
            labels: BTreeMap::new(),
            tasks: vec!["task-1".into()],
        };
        assert_eq!(vm, wanted);
    }

    #[test]
    fn the_keys_are_the_cores() {
        for key in [MARKER_KEY, SPEC_HASH_KEY, HOLD_KEY] {
            let path = format!("config.extraConfig[\"{key}\"]");
            assert!(vm_paths().contains(&&*path), "{path}");
        }
    }

    #[test]
    fn what_is_unset_is_unknown() {
        let vm = Record::default().vm("vm-1", nothing());
        assert_eq!(vm.power, PowerState::Unknown);
        assert_eq!(vm.connection, Connection::Unknown);
        assert_eq!((vm.instance_uuid, vm.tools_running), (None, None));
    }

    #[test]
    fn each_connection_state_has_its_word() {
        let table = [
            ("connected", Connection::Connected, true),
            ("disconnected", Connection::Disconnected, true),
            ("orphaned", Connection::Disconnected, true),
            ("inaccessible", Connection::Inaccessible, false),
            ("invalid", Connection::Inaccessible, false),
            ("new-word", Connection::Unknown, true),
        ];
        for (word, wanted, readable) in table {
            let mut record = record(&full());
            record.set("runtime.connectionState", Some(&text(word)));
            let vm = record.vm("vm-1", nothing());
            assert_eq!(vm.connection, wanted, "{word}");
            assert_eq!(vm.instance_uuid.is_some(), readable, "{word}");
            assert_eq!(vm.marker.is_some(), readable, "{word}");
        }
    }

    #[test]
    fn tools_are_told_only_where_there_are_some() {
        let running = |status: &str, version: &str| {
            let mut record = Record::default();
            record.set("guest.toolsRunningStatus", Some(&text(status)));
            record.set("guest.toolsVersionStatus2", Some(&text(version)));
            record.vm("vm-1", nothing()).tools_running
        };
        assert_eq!(
            running("guestToolsNotRunning", "guestToolsCurrent"),
            Some(false)
        );
        assert_eq!(
            running("guestToolsExecutingScripts", "guestToolsCurrent"),
            Some(false)
        );
        assert_eq!(
            running("guestToolsNotRunning", "guestToolsNotInstalled"),
            None
        );
        assert_eq!(running("new-word", "guestToolsCurrent"), None);
        let mut untold = Record::default();
        untold.set(
            "guest.toolsRunningStatus",
            Some(&text("guestToolsNotRunning")),
        );
        assert_eq!(untold.vm("vm-1", nothing()).tools_running, None);
    }

    #[test]
    fn destroy_counts_as_disabled_only_while_powered_off() {
        let mut record = record(&full());
        assert!(record.vm("vm-1", nothing()).destroy_disabled);
        record.set("runtime.powerState", Some(&text("poweredOn")));
        assert!(!record.vm("vm-1", nothing()).destroy_disabled);
    }

    #[test]
    fn a_property_that_is_removed_or_unset_from_above_is_forgotten() {
        let mut record = record(&full());
        record.change(&PropertyChange {
            path: r#"config.extraConfig["vmgroup.marker"]"#.into(),
            kind: ChangeKind::Remove,
            value: None,
        });
        assert_eq!(record.vm("vm-1", nothing()).marker, None);
        record.set("config", None);
        let vm = record.vm("vm-1", nothing());
        assert_eq!((vm.instance_uuid, vm.spec_hash, vm.cpus), (None, None, 0));
        assert_eq!((vm.name.as_str(), vm.disks), ("a/b", vec![]));
    }

    #[test]
    fn a_property_that_is_set_from_above_is_found_inside() {
        let mut record = Record::default();
        let options = Value::Array(vec![
            option_value("other", "x"),
            option_value(MARKER_KEY, "m"),
        ]);
        record.set("config.extraConfig", Some(&options));
        let hardware = object("VirtualHardware", &[("numCPU", text("4"))]);
        let config = object("C", &[("instanceUuid", text("u")), ("hardware", hardware)]);
        assert_eq!(record.vm("vm-1", nothing()).marker.as_deref(), Some("m"));
        record.set("config", Some(&config));
        let vm = record.vm("vm-1", nothing());
        assert_eq!((vm.instance_uuid.as_deref(), vm.cpus), (Some("u"), 4));
        assert_eq!(vm.marker, None, "the whole configuration has none");
    }

    #[test]
    fn a_configuration_is_behind_until_it_is_read_at_its_version() {
        let mut record = record(&full());
        let read = ObjectContent {
            object: ManagedObjectRef::virtual_machine("vm-1"),
            properties: full().into_iter().map(|(n, v)| (n.into(), v)).collect(),
            missing: Vec::new(),
        };
        record.set(CHANGE_VERSION, Some(&text("1")));
        assert!(record.is_behind());
        record.reread_config(&read);
        assert!(!record.is_behind());
        let mut again = record.entered_again();
        assert!(!again.is_behind(), "nothing is known to read");
        again.set("config.instanceUuid", Some(&text("u")));
        again.set(CHANGE_VERSION, Some(&text("1")));
        assert!(!again.is_behind());
        assert_eq!(again.vm("vm-1", nothing()).disks, [2000, 2001]);
        again.set(CHANGE_VERSION, Some(&text("2")));
        assert!(again.is_behind());
        again.set("config", None);
        assert!(!again.is_behind(), "there is none to be read");
    }

    fn missing(path: &str, fault: &str) -> MissingProperty {
        MissingProperty {
            path: path.into(),
            fault: Fault {
                name: fault.into(),
                message: String::new(),
                kind: FaultKind::Other,
            },
        }
    }

    #[test]
    fn a_vm_whose_marker_may_not_be_read_is_unreadable() {
        for path in [MARKER, SPEC_HASH, HOLD, "config.extraConfig", "config"] {
            let read = ObjectContent {
                object: ManagedObjectRef::virtual_machine("vm-1"),
                properties: full().into_iter().map(|(n, v)| (n.into(), v)).collect(),
                missing: vec![missing(path, "NoPermission")],
            };
            let mut reread = record(&full());
            reread.reread_config(&read);
            for mut record in [Record::read(&read), reread] {
                let vm = record.vm("vm-1", nothing());
                assert_eq!((vm.instance_uuid, vm.marker), (None, None), "{path}");
                for (path, value) in full() {
                    record.set(path, Some(&value));
                }
                let vm = record.vm("vm-1", nothing());
                assert!(vm.instance_uuid.is_some(), "it is told again: {path}");
            }
        }
    }

    #[test]
    fn a_vm_of_which_it_cannot_be_read_what_speaks_against_touching_it_counts_as_not_reached() {
        for path in GUARDS.iter().copied().chain(["config.hardware"]) {
            let mut record = record(&full());
            record.miss(&missing(path, "NoPermission"));
            let vm = record.vm("vm-1", nothing());
            assert_eq!(vm.connection, Connection::Unknown, "{path}");
            assert!(vm.instance_uuid.is_some(), "{path}");
            record.set("runtime.connectionState", Some(&text("disconnected")));
            let vm = record.vm("vm-1", nothing());
            assert_eq!(vm.connection, Connection::Disconnected, "{path}");
            // The feed tells of all anew but the devices.
            let mut again = record.entered_again();
            again.set("runtime.connectionState", Some(&text("connected")));
            let reached = again.vm("vm-1", nothing()).connection == Connection::Connected;
            assert_eq!(
                reached,
                ![DEVICES, "config.hardware"].contains(&path),
                "{path}"
            );
        }
        let mut record = record(&full());
        record.miss(&missing(SNAPSHOT, "NoPermission"));
        record.set(SNAPSHOT, None);
        let vm = record.vm("vm-1", nothing());
        assert_eq!(vm.connection, Connection::Connected, "there is none");
    }

    #[test]
    fn a_disk_is_the_vms_own_if_it_lies_with_its_files_and_is_no_volume() {
        let known_as = |file: &str, volume: Option<&str>| {
            let mut fields = vec![
                ("key", text("2000")),
                ("backing", object("", &[("fileName", text(file))])),
            ];
            if let Some(id) = volume {
                fields.push(("vDiskId", object("ID", &[("id", text(id))])));
            }
            let mut record = record(&full());
            let disk = object("VirtualDisk", &fields);
            record.set(DEVICES, Some(&Value::Array(vec![disk])));
            record.vm("vm-1", nothing()).disks[0]
        };
        for (file, volume, expected) in [
            ("[fast] one/one.vmdk", None, 2000),
            // As after a migration of this disk alone.
            ("[large] one/one_1.vmdk", None, 2000),
            ("[fast] one/one.vmdk", Some("volume"), -2000),
            ("[fast] database/data.vmdk", None, -2000),
            ("[fast] data.vmdk", None, -2000),
            ("", None, 2000),
        ] {
            assert_eq!(known_as(file, volume), expected, "{file} {volume:?}");
        }
    }

    #[test]
    fn what_a_server_does_not_know_of_is_unset() {
        let mut record = record(&full());
        record.miss(&missing(HOLD, "InvalidProperty"));
        let vm = record.vm("vm-1", nothing());
        assert_eq!((vm.hold, vm.marker), (None, Some("m".into())));
    }

    #[test]
    fn an_empty_key_is_no_key() {
        let mut record = Record::default();
        let path = r#"config.extraConfig["vmgroup.hold"]"#;
        record.set(path, Some(&option_value(HOLD_KEY, "")));
        assert_eq!(record.vm("vm-1", nothing()).hold, None);
    }
}
