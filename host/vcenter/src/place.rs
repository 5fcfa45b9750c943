//! Where in the vCenter the operator works: datacenter, root folder, resource
//! pool. What is not named must be the only one of its kind.

use vmgroup_vim::{Client, FilterSpec, ManagedObjectRef, ObjectContent, ServiceContent};

use crate::hosts::cluster_of;
use crate::names::{escape, listed, unescape};
use crate::{Config, Error};

const ROOT_FOLDER: &str = "vm-operator";

/// The place, resolved.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) datacenter: ManagedObjectRef,
    /// Folder of the datacenter that the root folder is below.
    vm_folder: ManagedObjectRef,
    /// Names from there to the root folder.
    below: Vec<String>,
    /// None if it does not exist: the first group that needs a folder makes it.
    pub(crate) root: Option<ManagedObjectRef>,
    pub(crate) pool: ManagedObjectRef,
    /// The pool's cluster, if it is of one.
    pub(crate) cluster: Option<ManagedObjectRef>,
}

impl Place {
    /// The root folder, for people.
    pub(crate) fn root_name(&self) -> String {
        self.below.join("/")
    }
}

/// Resolves the place. Writes nothing.
pub(crate) async fn resolve(
    client: &Client,
    content: &ServiceContent,
    config: &Config,
) -> Result<Place, Error> {
    let finder = Finder { client, content };
    let datacenter = finder.datacenter(config.datacenter.as_deref()).await?;
    let named = config.root_folder.as_deref().unwrap_or(ROOT_FOLDER);
    let below = names_below(&name_of(&datacenter), named)?;
    let vm_folder = required(&datacenter, "vmFolder")?;
    let root = finder.folder(&vm_folder, &below).await;
    let root = root.map_err(reading("list folders"))?;
    let pool = finder
        .pool(&datacenter, config.resource_pool.as_deref())
        .await?;
    let cluster = cluster_of(client, content, &pool).await;
    let cluster = cluster.map_err(reading("find the resource pool's cluster"))?;
    Ok(Place {
        datacenter: datacenter.object,
        vm_folder,
        below,
        root,
        pool,
        cluster,
    })
}

/// The root folder, if it is there by now.
pub(crate) async fn find_root(
    client: &Client,
    content: &ServiceContent,
    place: &Place,
) -> Result<Option<ManagedObjectRef>, vmgroup_vim::Error> {
    let finder = Finder { client, content };
    finder.folder(&place.vm_folder, &place.below).await
}

/// Makes what is missing of the root folder, and of those above it.
pub(crate) async fn make_root(
    client: &Client,
    content: &ServiceContent,
    place: &Place,
    operation: Option<&str>,
) -> Result<ManagedObjectRef, vmgroup_vim::Error> {
    let finder = Finder { client, content };
    let mut folder = place.vm_folder.clone();
    for name in &place.below {
        folder = match finder.child_folder(&folder, name).await? {
            Some(found) => found,
            None => {
                let created = client
                    .create_folder(&folder, &escape(name), operation)
                    .await?;
                tracing::info!(folder = name, id = created.id, "root folder created");
                created
            }
        };
    }
    Ok(folder)
}

/// The names of folders on the way to the root folder, below the datacenter's folder of VMs.
fn names_below(datacenter: &str, path: &str) -> Result<Vec<String>, Error> {
    let absolute = format!("/{datacenter}/vm/");
    let below = path.strip_prefix(&absolute).unwrap_or(path);
    if below.starts_with('/') {
        let message = format!("the root folder {path} does not begin with {absolute}");
        return Err(Error::Place { message });
    }
    let names = below.split('/').filter(|name| !name.is_empty());
    Ok(names.map(unescape).collect())
}

struct Finder<'a> {
    client: &'a Client,
    content: &'a ServiceContent,
}

impl Finder<'_> {
    async fn datacenter(&self, name: Option<&str>) -> Result<ObjectContent, Error> {
        let root = &self.content.root_folder;
        let paths = ["name", "vmFolder", "hostFolder"];
        let all = self.below(root, "Datacenter", &paths).await?;
        only(all, name, "datacenter", "--datacenter")
    }

    /// The folder of these names, if all of them exist.
    async fn folder(
        &self,
        from: &ManagedObjectRef,
        names: &[String],
    ) -> Result<Option<ManagedObjectRef>, vmgroup_vim::Error> {
        let mut folder = from.clone();
        for name in names {
            match self.child_folder(&folder, name).await? {
                Some(found) => folder = found,
                None => return Ok(None),
            }
        }
        Ok(Some(folder))
    }

    async fn child_folder(
        &self,
        parent: &ManagedObjectRef,
        name: &str,
    ) -> Result<Option<ManagedObjectRef>, vmgroup_vim::Error> {
        let spec = FilterSpec::through(parent, "childEntity", "Folder", &["name"]);
        let collector = &self.content.property_collector;
        let children = self
            .client
            .retrieve_all_properties(collector, &[spec], None)
            .await?;
        let found = children.into_iter().find(|child| name_of(child) == name);
        Ok(found.map(|child| child.object))
    }

    async fn pool(
        &self,
        datacenter: &ObjectContent,
        name: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        if let Some(path) = name.filter(|name| name.starts_with('/')) {
            return self.pool_at(path).await;
        }
        let hosts = required(datacenter, "hostFolder")?;
        let paths = ["name", "resourcePool"];
        let computers = self.below(&hosts, "ComputeResource", &paths).await?;
        if let Some(name) = name {
            let is_there = computers.iter().any(|found| name_of(found) == name);
            if !is_there {
                let pools = self.below(&hosts, "ResourcePool", &["name"]).await?;
                let pool = only(pools, Some(name), "resource pool", "--resource-pool")?;
                return Ok(pool.object);
            }
        }
        let computer = only(computers, name, "cluster or host", "--resource-pool")?;
        required(&computer, "resourcePool")
    }

    async fn pool_at(&self, path: &str) -> Result<ManagedObjectRef, Error> {
        let index = &self.content.search_index;
        let path = path.trim_start_matches('/');
        let found = self.client.find_by_inventory_path(index, path, None).await;
        let found = found.map_err(reading("find the resource pool"))?;
        match found {
            Some(found) if found.kind == "ResourcePool" => Ok(found),
            Some(found) if found.kind.ends_with("ComputeResource") => {
                let spec =
                    FilterSpec::objects("ComputeResource", &[found], &["name", "resourcePool"]);
                let read = self.retrieve(&[spec], "read the cluster").await?;
                let computer = only(read, None, "cluster or host", "--resource-pool")?;
                required(&computer, "resourcePool")
            }
            _ => Err(Error::Place {
                message: format!("/{path} is no resource pool; correct --resource-pool"),
            }),
        }
    }

    /// All objects of one type below a container.
    async fn below(
        &self,
        container: &ManagedObjectRef,
        kind: &str,
        paths: &[&str],
    ) -> Result<Vec<ObjectContent>, Error> {
        let manager = &self.content.view_manager;
        let view = self
            .client
            .create_container_view(manager, container, &[kind], true, None)
            .await
            .map_err(reading("list the inventory"))?;
        let spec = FilterSpec::view(&view, kind, paths);
        let found = self.retrieve(&[spec], "list the inventory").await;
        // A view that stays ends with the session.
        let _ = self.client.destroy_view(&view, None).await;
        found
    }

    async fn retrieve(
        &self,
        specs: &[FilterSpec],
        doing: &str,
    ) -> Result<Vec<ObjectContent>, Error> {
        let collector = &self.content.property_collector;
        self.client
            .retrieve_all_properties(collector, specs, None)
            .await
            .map_err(reading(doing))
    }
}

fn reading(doing: &str) -> impl FnOnce(vmgroup_vim::Error) -> Error {
    let doing = doing.to_owned();
    |source| Error::Vcenter {
        doing,
        hint: "",
        source: Box::new(source),
    }
}

/// The one that is meant: the one of that name, or the only one.
fn only(
    all: Vec<ObjectContent>,
    name: Option<&str>,
    what: &str,
    flag: &str,
) -> Result<ObjectContent, Error> {
    let names: Vec<String> = all.iter().map(name_of).collect();
    let mut meant: Vec<ObjectContent> = all
        .into_iter()
        .filter(|found| name.is_none_or(|name| name_of(found) == name))
        .collect();
    if meant.len() == 1 {
        return Ok(meant.remove(0));
    }
    let seen = listed(&names);
    let message = match (meant.len(), name) {
        (0, _) if names.is_empty() => format!(
            "the operator's user sees no {what}; grant it Read on one and on what is above it"
        ),
        (0, Some(name)) => format!("found no {what} `{name}`, only {seen}; correct {flag}"),
        (count, Some(name)) => {
            format!("{count} times there is a {what} `{name}`; give {flag} a path or another name")
        }
        (count, None) => {
            format!("there is more than one {what} ({count}: {seen}); name it with {flag}")
        }
    };
    Err(Error::Place { message })
}

fn name_of(content: &ObjectContent) -> String {
    unescape(content.text("name").unwrap_or_default())
}

fn required(content: &ObjectContent, path: &str) -> Result<ManagedObjectRef, Error> {
    content
        .reference(path)
        .cloned()
        .ok_or_else(|| Error::Place {
            message: format!(
                "{} does not tell its {path}; grant the operator's user Read on it",
                content.object
            ),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vmgroup_vim::Value;

    fn named(names: &[&str]) -> Vec<ObjectContent> {
        let content = |(n, name): (usize, &&str)| ObjectContent {
            object: ManagedObjectRef::new("Datacenter", format!("datacenter-{n}")),
            properties: vec![("name".into(), Value::Text((*name).into()))],
            missing: Vec::new(),
        };
        names.iter().enumerate().map(content).collect()
    }

    #[test]
    fn what_is_not_named_must_be_the_only_one() {
        let pick = |names: &[&str], name| {
            only(named(names), name, "datacenter", "--datacenter")
                .map(|found| found.object.id)
                .map_err(|error| error.to_string())
        };
        assert_eq!(pick(&["a"], None), Ok("datacenter-0".into()));
        assert_eq!(
            pick(&["a", "b%2fc"], Some("b/c")),
            Ok("datacenter-1".into())
        );
        let table = [
            (
                pick(&["a", "b"], None),
                "more than one datacenter (2: a, b); name it with --datacenter",
            ),
            (
                pick(&["a", "b"], Some("c")),
                "found no datacenter `c`, only a, b; correct --datacenter",
            ),
            (
                pick(&["a", "a"], Some("a")),
                "2 times there is a datacenter `a`",
            ),
            (pick(&[], None), "sees no datacenter"),
        ];
        for (result, wanted) in table {
            let error = result.expect_err(wanted);
            assert!(error.contains(wanted), "{error}");
        }
    }
}
