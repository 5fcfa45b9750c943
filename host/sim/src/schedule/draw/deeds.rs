//! What people do, drawn.

use vmgroup_core::group::Adoption;
use vmgroup_core::names;
use vmgroup_core::observation::{Connection, PowerState};
use vmgroup_reconcile::inventory::Heartbeat;

use super::{Draw, NAMES, key};
use crate::deed::{Deed, Place, Which};

/// The name under which objects are copied.
const COPY: &str = "copy";

impl Draw {
    pub(super) fn deed(&mut self) -> Deed {
        let name = self.one_of(&NAMES);
        if self.profile.swaps && self.random.per_mille(350) {
            let logics: &[&str] = if self.profile.objects_only {
                &["default", "twin"]
            } else {
                &["default", "twin", "one-by-one"]
            };
            return Deed::Swap(None, self.one_of(logics).into());
        }
        if self.profile.restores && self.random.per_mille(250) {
            return match self.random.below(3) {
                0 => Deed::WipeStatus(key(name)),
                1 => Deed::Unclaim(key(name)),
                _ => Deed::StripFinalizers(key(name)),
            };
        }
        if self.profile.rare && self.random.per_mille(500) {
            return self.rare_deed(name);
        }
        if self.profile.objects_only || self.random.per_mille(500) {
            return self.deed_on_object(name);
        }
        self.deed_on_vm(name)
    }

    fn deed_on_object(&mut self, name: &str) -> Deed {
        match self.random.below(8) {
            0 | 1 => Deed::Create(key(name), Box::new(Ok(self.spec()))),
            2 | 3 => Deed::Edit(key(name), Box::new(Ok(self.spec()))),
            4..=6 => Deed::Scale(key(name), self.small(6)),
            _ => Deed::Delete(key(name)),
        }
    }

    fn rare_deed(&mut self, name: &str) -> Deed {
        let number = self.random.below(1_000);
        match self.random.below(12) {
            0 | 1 => Deed::Adopt(key(name), Some(Adoption::Adopt)),
            2 => Deed::Adopt(key(name), Some(Adoption::Ignore)),
            3 => Deed::Adopt(key(name), None),
            4 => Deed::Identify(key(name), format!("by-hand-{name}")),
            5 => Deed::Edit(key(name), Box::new(Err("as drawn".into()))),
            6 => Deed::CopyObject(key(name), key(COPY)),
            7 => Deed::Delete(key(COPY)),
            8 => Deed::CopyIdentity(key(NAMES[0]), key(NAMES[1])),
            9 => Deed::CopyIdentity(key(NAMES[1]), key(NAMES[0])),
            10 => Deed::Identify(key(name), "none that can be written".into()),
            _ => {
                let folder = names::folder_name(&key(name));
                Deed::AddVm(format!("{name}-replica-old{number}"), Place::Folder(folder))
            }
        }
    }

    fn deed_on_vm(&mut self, name: &str) -> Deed {
        let nth = usize::try_from(self.random.below(3)).unwrap_or(0);
        let which = Which::Nth(key(name), nth);
        let number = self.random.below(1_000);
        match self.random.below(21) {
            20 => {
                let all = [
                    Heartbeat::Red,
                    Heartbeat::Yellow,
                    Heartbeat::Gray,
                    Heartbeat::Green,
                ];
                Deed::Guest(which, self.one_of(&all))
            }
            0 | 1 => Deed::Power(which, PowerState::Off),
            2 => Deed::Power(which, PowerState::Suspended),
            3 | 4 => Deed::Destroy(which),
            5 => Deed::Move(which, Place::Elsewhere),
            6 => Deed::Copy(which, format!("{name}-copy-{number}"), Place::Root),
            7 => Deed::Twin(which, format!("{name}-twin-{number}"), Place::Root),
            8 => Deed::Connect(which, Connection::Inaccessible),
            9 => Deed::Connect(which, Connection::Disconnected),
            10 => Deed::Occupy(which, self.random.below(20_000)),
            11 => Deed::Rename(which, format!("{name}-renamed-{number}")),
            12 => Deed::Template(which, true),
            13 => Deed::AddDisk(which),
            14 if number.is_multiple_of(2) => Deed::Snapshot(which, true),
            14 => Deed::Protect(which, true),
            15 => Deed::Hold(which, true),
            16 if number.is_multiple_of(2) => Deed::Failover(which, true),
            16 => Deed::Question(which, true),
            17 => Deed::Unmark(which),
            18 => Deed::Finalizer(key(name), true),
            _ => Deed::Rotate(format!("credentials-{number}"), number.is_multiple_of(2)),
        }
    }
}
