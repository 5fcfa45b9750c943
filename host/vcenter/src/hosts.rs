//! The host that a clone is made on. Where DRS is on it chooses; into a cluster
//! without it vCenter makes no clone that names none: see `RelocateSpec.host` in
//! the vSphere API reference.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use vmgroup_reconcile::event::CallResult;
use vmgroup_reconcile::inventory::Fault;
use vmgroup_vim::{
    Client, Error, FilterSpec, ManagedObjectRef, ObjectContent, ServiceContent, Value,
};

use crate::error::chain;
use crate::fault::missing_object;
use crate::read::retrieve_patiently;
use crate::session::Session;

const CLUSTER: &str = "ClusterComputeResource";
const CONFIGURATION: &str = "configurationEx";
const CONNECTION: &str = "runtime.connectionState";
const MAINTENANCE: &str = "runtime.inMaintenanceMode";

/// The cluster that a resource pool is of; none if it is of a host alone.
pub(crate) async fn cluster_of(
    client: &Client,
    content: &ServiceContent,
    pool: &ManagedObjectRef,
) -> Result<Option<ManagedObjectRef>, Error> {
    let itself = std::slice::from_ref(pool);
    let spec = FilterSpec::objects(&pool.kind, itself, &["owner"]);
    let collector = &content.property_collector;
    let found = client
        .retrieve_all_properties(collector, &[spec], None)
        .await?;
    let owner = found
        .into_iter()
        .next()
        .and_then(|pool| pool.reference("owner").cloned());
    Ok(owner.filter(|owner| owner.kind == CLUSTER))
}

impl Session {
    /// The host for a clone; none where DRS or vCenter chooses. Another try of the
    /// same clone, which is another operation, may get another host.
    ///
    /// Whether DRS is on is asked each time: people turn it on and off, and a session
    /// lasts for months.
    pub(crate) async fn host_for(
        &self,
        operation: &str,
    ) -> Result<Option<ManagedObjectRef>, CallResult> {
        let Some(cluster) = &self.place.cluster else {
            return Ok(None);
        };
        let itself = std::slice::from_ref(cluster);
        let configuration = FilterSpec::objects(CLUSTER, itself, &[CONFIGURATION]);
        if !is_drs_off(&self.of_cluster(cluster, configuration).await?) {
            return Ok(None);
        }
        let hosts = FilterSpec::through(cluster, "host", "HostSystem", &[CONNECTION, MAINTENANCE]);
        let hosts = self.of_cluster(cluster, hosts).await?;
        match choose(&hosts, operation) {
            Some(host) => Ok(Some(host)),
            None => Err(CallResult::Refused(Fault::Unavailable {
                message: format!(
                    "of the {} hosts of {cluster} that the operator's user may see none is \
                     connected and out of maintenance mode; reconnect one, end its maintenance, \
                     or grant Read on it",
                    hosts.len()
                ),
            })),
        }
    }

    async fn of_cluster(
        &self,
        cluster: &ManagedObjectRef,
        spec: FilterSpec,
    ) -> Result<Vec<ObjectContent>, CallResult> {
        let read = retrieve_patiently(&self.client, &self.content, &[spec], None).await;
        match read.and_then(|found| self.within_session(found)) {
            // What is missing is not the clone's folder, whatever the fault says.
            Err(error) if missing_object(&error).is_some() => {
                self.notice_gone(&error).await;
                let message = format!("{cluster} cannot be read: {}", chain(&error));
                Err(CallResult::NotSent { message })
            }
            read => self.asked(read, &cluster.id).await,
        }
    }
}

/// A configuration that does not tell it leaves the host to vCenter.
fn is_drs_off(cluster: &[ObjectContent]) -> bool {
    let configuration = cluster.iter().find_map(|it| it.get(CONFIGURATION));
    let is_on = configuration.and_then(|it| it.get("drsConfig.enabled")?.as_bool());
    is_on == Some(false)
}

/// One of those that can take a VM: operations spread evenly over them.
fn choose(hosts: &[ObjectContent], operation: &str) -> Option<ManagedObjectRef> {
    let usable = hosts.iter().filter(|host| {
        let in_maintenance = host.get(MAINTENANCE).and_then(Value::as_bool);
        host.text(CONNECTION) == Some("connected") && in_maintenance != Some(true)
    });
    let chosen = usable.max_by_key(|host| {
        let mut hasher = DefaultHasher::new();
        (operation, &host.object.id).hash(&mut hasher);
        hasher.finish()
    });
    chosen.map(|host| host.object.clone())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn host(id: &str, connection: &str, in_maintenance: &str) -> ObjectContent {
        let text = |value: &str| Value::Text(value.into());
        ObjectContent {
            object: ManagedObjectRef::new("HostSystem", id),
            properties: vec![
                (CONNECTION.into(), text(connection)),
                (MAINTENANCE.into(), text(in_maintenance)),
            ],
            missing: Vec::new(),
        }
    }

    #[test]
    fn clones_spread_over_the_hosts_that_can_take_them() {
        let hosts = [
            host("host-1", "connected", "false"),
            host("host-2", "disconnected", "false"),
            host("host-3", "connected", "true"),
            host("host-4", "connected", "false"),
        ];
        let mut chosen: BTreeMap<String, u32> = BTreeMap::new();
        for n in 0..1_000 {
            let host = choose(&hosts, &format!("uid/0/{n}")).expect("a host");
            *chosen.entry(host.id).or_default() += 1;
        }
        let ids: Vec<&str> = chosen.keys().map(String::as_str).collect();
        assert_eq!(ids, ["host-1", "host-4"]);
        assert!(chosen.values().all(|&count| count > 400), "{chosen:?}");
        assert_eq!(choose(&hosts[1..3], "uid/0/1"), None);
    }
}
