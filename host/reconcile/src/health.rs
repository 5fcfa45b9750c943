//! Health from what vCenter tells of a VM: the one table. What has no source is
//! unknown, and never healed.

use vmgroup_core::observation::{Connection, Health, PowerState};

use crate::inventory::{Heartbeat, Vm};

/// What the VM has shown before, and what is wanted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Past {
    /// The power state that the group wants.
    pub(crate) wished: PowerState,
    /// It has been in that state since it was made, or the operator took it down.
    pub(crate) started: bool,
    /// Its guest has answered since it was last off or out of reach.
    pub(crate) answered: bool,
}

/// How well the VM does what the group wants of it.
///
/// | connection | power | heartbeat | tools | |
/// |---|---|---|---|---|
/// | not connected | | | | unknown |
/// | | unknown | | | unknown |
/// | | not as wished, never was | | | starting |
/// | | not as wished, once was | | | unready |
/// | | as wished, and not on | | | ready |
/// | | on | red: none | | failed |
/// | | on | yellow: intermittent | | unready |
/// | | on | green | | ready |
/// | | on | not told | running | ready |
/// | | on | not told | installed, silent since the start | starting |
/// | | on | not told | installed, silent after having answered | unready |
/// | | on | not told | none | ready: a VM without tools is believed |
///
/// An IP address is no source: a VM may have no network.
pub(crate) fn health(vm: &Vm, past: Past) -> Health {
    if vm.connection != Connection::Connected || vm.power == PowerState::Unknown {
        return Health::Unknown;
    }
    if vm.power != past.wished {
        return if past.started {
            Health::Unready
        } else {
            Health::Starting
        };
    }
    if vm.power != PowerState::On {
        return Health::Ready;
    }
    match (vm.heartbeat, vm.tools_running) {
        (Heartbeat::Red, _) => Health::Failed,
        (Heartbeat::Yellow, _) => Health::Unready,
        (Heartbeat::Green, _) | (Heartbeat::Gray, Some(true) | None) => Health::Ready,
        (Heartbeat::Gray, Some(false)) if past.answered => Health::Unready,
        (Heartbeat::Gray, Some(false)) => Health::Starting,
    }
}

/// Its guest answers at this moment.
pub(crate) fn answers(vm: &Vm) -> bool {
    vm.power == PowerState::On
        && (vm.tools_running == Some(true) || vm.heartbeat == Heartbeat::Green)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::tests::vm;

    const PAST: Past = Past {
        wished: PowerState::On,
        started: true,
        answered: true,
    };

    fn running() -> Vm {
        Vm {
            power: PowerState::On,
            ..vm("vm-1")
        }
    }

    #[test]
    fn what_cannot_be_reached_is_unknown_whatever_else_is_told() {
        for heartbeat in [Heartbeat::Red, Heartbeat::Green] {
            let lost = Vm {
                connection: Connection::Disconnected,
                heartbeat,
                ..running()
            };
            assert_eq!(health(&lost, PAST), Health::Unknown);
        }
        let dark = Vm {
            power: PowerState::Unknown,
            ..running()
        };
        assert_eq!(health(&dark, PAST), Health::Unknown);
    }

    #[test]
    fn power_comes_before_the_guest() {
        let off = Vm {
            power: PowerState::Off,
            heartbeat: Heartbeat::Red,
            ..running()
        };
        let never = Past {
            started: false,
            ..PAST
        };
        let wanted_off = Past {
            wished: PowerState::Off,
            ..PAST
        };
        assert_eq!(health(&off, PAST), Health::Unready);
        assert_eq!(health(&off, never), Health::Starting);
        assert_eq!(health(&off, wanted_off), Health::Ready);
        assert_eq!(health(&running(), wanted_off), Health::Unready);
    }

    #[test]
    fn the_heartbeat_counts_for_more_than_the_tools() {
        let cases = [
            (Heartbeat::Red, Some(true), Health::Failed),
            (Heartbeat::Yellow, Some(true), Health::Unready),
            (Heartbeat::Green, Some(false), Health::Ready),
            (Heartbeat::Gray, Some(true), Health::Ready),
            (Heartbeat::Gray, Some(false), Health::Unready),
            (Heartbeat::Gray, None, Health::Ready),
        ];
        for (heartbeat, tools_running, expected) in cases {
            let vm = Vm {
                heartbeat,
                tools_running,
                ..running()
            };
            assert_eq!(
                health(&vm, PAST),
                expected,
                "{heartbeat:?} {tools_running:?}"
            );
        }
    }

    #[test]
    fn a_guest_that_has_not_answered_yet_is_starting() {
        let silent = Vm {
            tools_running: Some(false),
            ..running()
        };
        let past = Past {
            answered: false,
            ..PAST
        };
        assert_eq!(health(&silent, past), Health::Starting);
        assert!(!answers(&silent));
    }
}
