//! An operator behind a proxy of its own, started again when it was killed.

use std::path::Path;
use std::time::Duration;

use vmgroup_faults::{Options, Pattern, Plan, Proxy, Record, Target, Trace};
use vmgroup_rig::Rig;

use crate::operator::{Operator, Route, Start};
use crate::patience::eventually;

use super::ground::Ground;

/// What an operator says when it has the lease.
const HOLDS_LEASE: &str = "this replica holds the lease";

/// An operator says something as soon as it has begun.
const FIRST_WORD_MAX: Duration = Duration::from_secs(10);

/// A login takes less, however slow vCenter is made.
const LOGIN_MS_MAX: u64 = 2_000;

/// A replica's place.
pub(crate) struct Seat<'a> {
    ground: &'a Ground,
    pub(crate) name: &'static str,
    pub(crate) proxy: Proxy,
    start: Start,
    trace: Trace,
    operator: Option<Operator>,
    /// When it began, on the trace's clock.
    began_ms: u64,
    /// What operators of this seat said before they were killed.
    said: String,
    pub(crate) killed: u64,
    /// How often one was killed that had a session in vCenter, which only time ends.
    pub(crate) left_sessions: u64,
    /// It had one when the trace was forgotten.
    had_session: bool,
    /// No session that is older than this goes on, on the trace's clock.
    sessions_since_ms: u64,
    /// The last one went without having held the lease, or was killed: it may name the seat.
    pub(crate) may_leave_lease: bool,
}

/// What a seat is made of.
pub(crate) struct Making<'a> {
    pub(crate) vcenter: &'a Rig,
    pub(crate) namespace: &'a str,
    pub(crate) folder: &'a Path,
    pub(crate) module: &'a Path,
    pub(crate) trace: &'a Trace,
}

impl<'a> Seat<'a> {
    /// Makes the proxy and starts the operator.
    pub(crate) fn take(
        ground: &'a Ground,
        making: &Making<'_>,
        name: &'static str,
        plan: Plan,
    ) -> Self {
        let Making {
            vcenter, namespace, ..
        } = making;
        let authority = std::fs::read(vcenter.vc_authority()).expect("the authority");
        let options = Options {
            name: name.to_owned(),
            kubernetes: Some(ground.target()),
            vcenter: Some(Target {
                address: vcenter.vc_host().to_owned(),
                authority,
            }),
            plan,
            trace: making.trace.clone(),
        };
        let proxy = Proxy::start(options).unwrap_or_else(|error| panic!("no proxy: {error}"));
        let folder = making.folder.join(name);
        std::fs::create_dir(&folder).expect("a folder");
        let (kubeconfig, vc_authority) = ground.kubeconfig(&proxy, &folder);
        let vc_host = proxy.vcenter().expect("it stands before vCenter");
        let route = Route {
            kubeconfig,
            vc_host: vc_host.to_string(),
            vc_pass: vcenter.vc_pass().to_owned(),
            vc_authority,
            arguments: vec![
                format!("--namespace={namespace}"),
                format!("--lease-namespace={namespace}"),
            ],
        };
        let start = Start {
            module: Some(making.module.to_owned()),
            replica: Some(name),
            route: Some(route),
            ..Start::default()
        };
        let mut seat = Self {
            ground,
            name,
            proxy,
            start,
            trace: making.trace.clone(),
            operator: None,
            began_ms: 0,
            said: String::new(),
            killed: 0,
            left_sessions: 0,
            had_session: false,
            sessions_since_ms: 0,
            may_leave_lease: false,
        };
        seat.begin();
        seat
    }

    /// Starts the operator again if the plan has killed it.
    ///
    /// # Panics
    /// When it has ended by itself.
    pub(crate) fn tend(&mut self) {
        let Some(operator) = &mut self.operator else {
            return;
        };
        if operator.is_running() {
            return;
        }
        let by_itself = self.proxy.host().pid().is_some();
        assert!(!by_itself, "the operator ended:\n{}", operator.log());
        self.said.push_str(&operator.log());
        self.is_killed();
        if let Some(operator) = self.operator.take() {
            operator.until_killed();
        }
        self.begin();
    }

    /// The process id of the one that runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.operator.as_ref().map(Operator::pid)
    }

    /// Everything that its operators have said.
    pub(crate) fn log(&self) -> String {
        let now = self.operator.as_ref().map(Operator::log);
        format!("{}{}", self.said, now.unwrap_or_default())
    }

    /// What the running one has said.
    pub(crate) fn log_of_this_life(&self) -> String {
        self.operator
            .as_ref()
            .map(Operator::log)
            .unwrap_or_default()
    }

    /// Asks it to end, which it does well, unless the plan kills it on its way out.
    pub(crate) fn leave(&mut self) {
        let Some(operator) = self.operator.take() else {
            return;
        };
        // Before that a signal ends it as it ends any program.
        eventually("its first word", FIRST_WORD_MAX, || {
            let is_killed = self.proxy.host().pid().is_none();
            match operator.log() {
                log if log.is_empty() && !is_killed => Err("nothing".to_owned()),
                _ => Ok(()),
            }
        });
        let (well, said) = operator.end();
        self.said.push_str(&said);
        let killed = self.proxy.host().pid().is_none();
        assert!(well || killed, "{} did not end well", self.name);
        if killed {
            self.is_killed();
        }
        self.may_leave_lease = killed || !(said.contains(HOLDS_LEASE) || self.has_written_lease());
    }

    /// vCenter has forgotten all sessions. A login that arrived right before may have been late.
    pub(crate) fn sessions_expired(&mut self) {
        self.had_session = false;
        self.sessions_since_ms = self.trace.now_ms().saturating_sub(LOGIN_MS_MAX);
    }

    /// Remembers what the trace tells, which is about to be forgotten.
    pub(crate) fn remember_session(&mut self) {
        self.had_session = self.has_session();
    }

    fn is_killed(&mut self) {
        self.killed += 1;
        self.left_sessions += u64::from(self.has_session());
    }

    /// Whether the one that runs has a session, by the proxy's record.
    pub(crate) fn has_session(&self) -> bool {
        let last = |verb| {
            let calls = self.trace.of(&Pattern::verb(verb)).into_iter();
            let own = calls.filter(|record| {
                record.via == self.name
                    && record.began_ms >= self.sessions_since_ms
                    && record.forwarded > 0
                    && record.fault.is_none()
            });
            own.map(|record| record.number).max()
        };
        match (last("Login"), last("Logout")) {
            (None, None) => self.had_session,
            (login, logout) => login > logout,
        }
    }

    /// The one that runs has written the lease, by the proxy's record.
    fn has_written_lease(&self) -> bool {
        let leases = Pattern {
            resource: Some("leases".to_owned()),
            ..Pattern::default()
        };
        let of_this_life = |record: &Record| {
            record.via == self.name && record.began_ms >= self.began_ms && record.call.changes
        };
        let mut records = self.trace.of(&leases).into_iter();
        records.any(|record| of_this_life(&record) && record.is_executed())
    }

    fn begin(&mut self) {
        self.began_ms = self.trace.now_ms();
        (self.had_session, self.sessions_since_ms) = (false, self.began_ms);
        let operator = Operator::start_with(self.ground.site(), &self.start);
        self.proxy.host().set(operator.pid());
        self.operator = Some(operator);
    }
}
