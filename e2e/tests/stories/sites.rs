//! The sites that several stories share, and how any site ends.

use std::sync::Arc;

use vmgroup_e2e::{Operator, Shared, Site};

static QUIET: Shared<Site> = Shared::new();
static BUSY: Shared<Busy> = Shared::new();

/// A site in which no operator runs.
pub(crate) fn quiet() -> Arc<Site> {
    QUIET.get(Site::start)
}

/// A site with an operator, for stories that leave each other alone: each has
/// a namespace of its own, and none disturbs the operator or vCenter as a whole.
pub(crate) fn busy() -> Arc<Busy> {
    BUSY.get(|| {
        let site = Site::start();
        let operator = Operator::start(&site);
        Busy { operator, site }
    })
}

pub(crate) struct Busy {
    operator: Operator,
    pub(crate) site: Site,
}

/// Ends a site: its operator goes well and soon, leaves no session behind, and
/// has touched nothing that is not its own.
pub(crate) fn finish(site: &Site, operator: Operator) {
    finish_after(site, operator, 0);
}

/// The same after so many operators were killed, whose sessions only time ends.
pub(crate) fn finish_after(site: &Site, operator: Operator, killed: u64) {
    operator.stop();
    let left = site.control().sessions().unwrap();
    assert_eq!(left, killed, "a session is left");
    site.assert_safe();
}

/// Ends the shared sites.
pub(crate) fn close() {
    if let Some(site) = QUIET.take() {
        assert_eq!(site.control().trace(0).unwrap().calls, []);
    }
    if let Some(Busy { operator, site }) = BUSY.take() {
        finish(&site, operator);
    }
}
