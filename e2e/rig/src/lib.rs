//! The real components that tests run against: etcd, kube-apiserver, kubectl and
//! a simulated vCenter, built from the pinned Go modules in `e2e/components` and
//! run on free loopback ports.
//!
//! [`build`] makes the binaries, [`Rig`] runs them for one test and ends them with
//! it, [`up`] and [`down`] keep them running between commands.

mod components;
mod control;
mod kubernetes;
mod ports;
mod process;
mod records;
mod rig;
mod settings;
mod up;
mod vcenter;

pub use components::{Binaries, build, target_directory};
pub use control::Control;
pub use records::{Call, FaultAt, FaultRule, Folder, Signal, Task, Trace, Trigger, Vm, Vms, When};
pub use rig::{Options, Rig};
pub use up::{Standing, down, up};
