//! Tasks: listing and cancelling them.

use crate::soap::{Request, Returned};
use crate::{Client, Error, FilterSpec, ManagedObjectRef, TaskInfo, TaskState, Unreadable, Value};

/// Which tasks a collector lists. An empty list does not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskFilter {
    /// The object that the task works on; a clone's is the machine that is copied.
    pub entity: Option<ManagedObjectRef>,
    /// Names of users as [`crate::UserSession::user_name`] has them.
    pub users: Vec<String>,
    /// States; a state that this client does not know cannot be asked for and is left out.
    pub states: Vec<TaskState>,
}

impl Client {
    /// `CreateCollectorForTasks`: a list of recent tasks, newest first.
    ///
    /// Its page holds ten tasks unless [`Client::set_collector_page_size`] says otherwise.
    pub async fn create_collector_for_tasks(
        &self,
        task_manager: &ManagedObjectRef,
        filter: &TaskFilter,
        operation: Option<&str>,
    ) -> Result<ManagedObjectRef, Error> {
        let mut request = Request::new("CreateCollectorForTasks", task_manager, operation);
        request.object("filter", |request| {
            if let Some(entity) = &filter.entity {
                request.object("entity", |request| {
                    request.reference("entity", entity);
                    request.text("recursion", "self");
                });
            }
            if !filter.users.is_empty() {
                request.object("userName", |request| {
                    request.flag("systemUser", false);
                    request.texts("userList", &filter.users);
                });
            }
            for state in filter.states.iter().filter_map(|state| state.name()) {
                request.text("state", state);
            }
        });
        self.call(request, Returned::reference).await
    }

    /// `SetCollectorPageSize`: how many tasks the collector's latest page holds; vCenter takes up
    /// to 1,000.
    pub async fn set_collector_page_size(
        &self,
        collector: &ManagedObjectRef,
        tasks_max: u32,
        operation: Option<&str>,
    ) -> Result<(), Error> {
        let mut request = Request::new("SetCollectorPageSize", collector, operation);
        request.number("maxCount", tasks_max);
        self.call(request, |_| Ok(())).await
    }

    /// The collector's `latestPage`, read by `RetrievePropertiesEx`.
    pub async fn latest_tasks(
        &self,
        property_collector: &ManagedObjectRef,
        collector: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<Vec<TaskInfo>, Error> {
        let spec = FilterSpec::objects(
            &collector.kind,
            std::slice::from_ref(collector),
            &["latestPage"],
        );
        let mut request = Request::new("RetrievePropertiesEx", property_collector, operation);
        spec.write("specSet", &mut request);
        request.object("options", |_| {});
        let missing = Unreadable::Missing {
            field: "latestPage",
            within: "TaskHistoryCollector",
        };
        self.call(request, |returned| {
            let result = returned.value()?;
            let objects = result.list("objects");
            let object = objects.first().ok_or(missing)?;
            if !object.list("missingSet").is_empty() {
                let within = "TaskHistoryCollector";
                return Err(Unreadable::Missing {
                    field: "latestPage",
                    within,
                });
            }
            // An empty page is an unset property on some servers.
            let page = object
                .list("propSet")
                .into_iter()
                .find_map(|property| property.get("val"));
            // One that is over and cannot be read keeps nobody from seeing the others.
            page.map_or(&[][..], Value::items)
                .iter()
                .map(|item| (item.text("state"), TaskInfo::from_value(item)))
                .filter(|(state, task)| task.is_ok() || !matches!(state, Some("success" | "error")))
                .map(|(_, task)| task)
                .collect()
        })
        .await
    }

    /// `DestroyCollector`: ends a collector; a session may have 32 of them.
    pub async fn destroy_collector(
        &self,
        collector: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<(), Error> {
        let request = Request::new("DestroyCollector", collector, operation);
        self.call(request, |_| Ok(())).await
    }

    /// `CancelTask`: asks for a task to end; whether it does, its state tells.
    pub async fn cancel_task(
        &self,
        task: &ManagedObjectRef,
        operation: Option<&str>,
    ) -> Result<(), Error> {
        let request = Request::new("CancelTask", task, operation);
        self.call(request, |_| Ok(())).await
    }
}
