//! `cargo xtask bench converge`: from apply to all Ready, and from delete to all
//! gone, against a bare client that makes the same calls in the same run.
//! Prints a ratio to the floor; judges nothing.
#![allow(clippy::print_stdout, reason = "the figures are the output")]

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use vmgroup_e2e::{Operator, Site, Wish};
use vmgroup_vim::{
    Address, Client, ClientConfig, CloneSpec, FilterSpec, ManagedObjectRef, RelocateSpec, TaskInfo,
    TaskState,
};

/// Clones of one template that the operator keeps in flight, by default.
const CAP: usize = 4;
/// Between two looks at a task, and at the groups.
const LOOK: Duration = Duration::from_millis(50);

fn main() -> Result<()> {
    let numbers: Vec<u32> = std::env::args()
        .skip(1)
        .map(|text| text.parse().with_context(|| format!("{text} is no number")))
        .collect::<Result<_>>()?;
    let [groups, replicas, clone_ms] = numbers[..] else {
        bail!("usage: converge GROUPS REPLICAS CLONE_MS");
    };
    let site = Site::start();
    site.control()
        .set_task_delays(&[("CloneVm", clone_ms), ("LockHandoff", 0)])?;
    let vms = groups * replicas;
    let bare = tokio::runtime::Runtime::new()?.block_on(Bare::measure(&site, vms))?;
    let ours = operator(&site, groups, replicas)?;
    let rounds = u64::from(vms).div_ceil(CAP as u64);
    let ideal = Duration::from_millis(rounds * u64::from(clone_ms));
    println!("{groups} groups of {replicas} VMs, clones of {clone_ms} ms, {CAP} at a time");
    line("created", ours.created, bare.created, ideal);
    line("deleted", ours.deleted, bare.deleted, Duration::ZERO);
    Ok(())
}

struct Times {
    created: Duration,
    deleted: Duration,
}

fn line(what: &str, ours: Duration, bare: Duration, ideal: Duration) {
    let floor = bare.max(ideal);
    println!(
        "{what}: operator {:.1} s, bare client {:.1} s, ideal {:.1} s, floor_ratio={:.2}",
        ours.as_secs_f64(),
        bare.as_secs_f64(),
        ideal.as_secs_f64(),
        ours.as_secs_f64() / floor.as_secs_f64()
    );
}

fn operator(site: &Site, groups: u32, replicas: u32) -> Result<Times> {
    let mut operator = Operator::start(site);
    site.create_namespace("bench");
    let begin = Instant::now();
    let all: Vec<_> = (0..groups)
        .map(|number| site.apply("bench", &format!("g-{number}"), &Wish::new(replicas)))
        .collect();
    let running = |phases: &str| {
        phases
            .split_whitespace()
            .filter(|it| *it == "RUNNING")
            .count()
    };
    loop {
        let path = "-o=jsonpath={.items[*].status.phase}";
        if running(&site.kubectl(&["get", "vg", "-n", "bench", path])) == all.len() {
            break;
        }
        ensure!(
            operator.is_running(),
            "the operator ended: {}",
            operator.log()
        );
        std::thread::sleep(LOOK);
    }
    let created = begin.elapsed();
    let begin = Instant::now();
    site.kubectl(&["delete", "vg", "-n", "bench", "--all", "--wait=true"]);
    Ok(Times {
        created,
        deleted: begin.elapsed(),
    })
}

/// The same calls, without anything around them.
#[derive(Clone)]
struct Bare {
    client: Client,
    collector: ManagedObjectRef,
    datacenter: ManagedObjectRef,
    template: ManagedObjectRef,
    folder: ManagedObjectRef,
    pool: ManagedObjectRef,
}

impl Bare {
    async fn measure(site: &Site, vms: u32) -> Result<Times> {
        let bare = Bare::connect(site).await?;
        let begin = Instant::now();
        let made = bare.each((0..vms).collect(), |bare, number| async move {
            bare.create(number).await
        });
        let made = made.await?;
        let created = begin.elapsed();
        let begin = Instant::now();
        bare.each(made, |bare, vm| async move {
            bare.done(bare.client.power_off_vm(&vm, None).await?)
                .await?;
            bare.done(bare.client.destroy_vm(&vm, None).await?).await
        })
        .await?;
        Ok(Times {
            created,
            deleted: begin.elapsed(),
        })
    }

    async fn connect(site: &Site) -> Result<Bare> {
        let rig = site.rig();
        let mut config = ClientConfig::new(Address::parse(rig.vc_host())?);
        config.ca_pem = Some(std::fs::read(rig.vc_authority())?);
        let client = Client::new(&config)?;
        let content = client.retrieve_service_content(None).await?;
        let password = SecretString::from(rig.vc_pass().to_owned());
        client
            .login(&content.session_manager, rig.vc_user(), &password, None)
            .await?;
        let find = async |path: &str| -> Result<ManagedObjectRef> {
            let found = client
                .find_by_inventory_path(&content.search_index, path, None)
                .await?;
            found.with_context(|| format!("there is no {path}"))
        };
        let datacenter = find("/vcqaDC").await?;
        let template = find("/vcqaDC/vm/vm-operator-template").await?;
        let root = find("/vcqaDC/vm/vm-operator").await?;
        let kinds = ["ResourcePool"];
        let views = &content.view_manager;
        let view = client
            .create_container_view(views, &datacenter, &kinds, true, None)
            .await?;
        let pools = FilterSpec::view(&view, "ResourcePool", &["name"]);
        let collector = content.property_collector.clone();
        let pools = client
            .retrieve_all_properties(&collector, &[pools], None)
            .await?;
        let pool = pools
            .first()
            .context("there is no resource pool")?
            .object
            .clone();
        let folder = client.create_folder(&root, "bare", None).await?;
        Ok(Bare {
            client,
            collector,
            datacenter,
            template,
            folder,
            pool,
        })
    }

    async fn create(&self, number: u32) -> Result<ManagedObjectRef> {
        let spec = CloneSpec {
            location: RelocateSpec {
                pool: Some(self.pool.clone()),
                ..RelocateSpec::default()
            },
            ..CloneSpec::default()
        };
        let name = format!("bare-{number}");
        let task = self
            .client
            .clone_vm(&self.template, &self.folder, &name, &spec, None)
            .await?;
        let result = self
            .done(task)
            .await?
            .result
            .context("the clone has no result")?;
        let vm = result
            .as_reference()
            .context("the clone is no reference")?
            .clone();
        let on = self
            .client
            .power_on_multi_vm(&self.datacenter, std::slice::from_ref(&vm), None)
            .await?;
        self.done(on).await?;
        Ok(vm)
    }

    async fn done(&self, task: ManagedObjectRef) -> Result<TaskInfo> {
        loop {
            let spec = FilterSpec::objects("Task", std::slice::from_ref(&task), &["info"]);
            let found = self
                .client
                .retrieve_all_properties(&self.collector, &[spec], None)
                .await?;
            let info = found.first().and_then(|object| object.get("info"));
            let info = TaskInfo::from_value(info.context("the task has no info")?)?;
            match info.state {
                TaskState::Success => return Ok(info),
                TaskState::Error => bail!("{task} failed: {:?}", info.error),
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Does it to each, `CAP` at a time.
    async fn each<T, U, F>(&self, items: Vec<T>, work: impl Fn(Bare, T) -> F) -> Result<Vec<U>>
    where
        F: Future<Output = Result<U>> + Send + 'static,
        U: Send + 'static,
    {
        let places = Arc::new(Semaphore::new(CAP));
        let mut running = JoinSet::new();
        for item in items {
            let place = Arc::clone(&places).acquire_owned().await?;
            let job = work(self.clone(), item);
            running.spawn(async move {
                let done = job.await;
                drop(place);
                done
            });
        }
        let mut done = Vec::new();
        while let Some(result) = running.join_next().await {
            done.push(result??);
        }
        Ok(done)
    }
}
