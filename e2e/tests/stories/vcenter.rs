//! A vCenter that refuses, is away, or forgets who is there.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use vmgroup_e2e::{Operator, Site, Start, Wish, eventually};

use crate::sites::finish;

pub(crate) fn refused_credentials_are_tried_once_and_new_ones_at_once() {
    let site = Site::start();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "VC_HOST", site.rig().vc_host());
    write(folder.path(), "VC_USER", site.rig().vc_user());
    write(folder.path(), "VC_PASS", "wrong");
    let start = Start {
        credentials: Some(folder.path().to_owned()),
        vc_pass: Some("wrong-and-secret".to_owned()),
        ..Start::default()
    };
    write(folder.path(), "VC_PASS", "wrong-and-secret");
    let mut operator = Operator::start_with(&site, &start);
    let started = Instant::now();
    let group = site.apply("default", "web", &Wish::new(1));
    let message = group.until_condition("Ready", "Unknown", "CredentialsRefused");
    assert!(message.contains("secret"), "{message}");
    std::thread::sleep(Duration::from_secs(30).saturating_sub(started.elapsed()));
    assert!(operator.is_running());
    assert_eq!(logins(&site), 1);

    write(folder.path(), "VC_PASS", site.rig().vc_pass());
    group.until_running(1);
    assert_eq!(logins(&site), 2);
    finish(&site, operator);
}

pub(crate) fn an_operator_outlives_a_vcenter_that_is_away_and_a_session_that_expires() {
    let site = Site::start();
    site.control().set_outage(true).unwrap();
    let operator = Operator::start(&site);
    let group = site.apply("default", "web", &Wish::new(2));
    group.until_condition("Ready", "Unknown", "VCenterUnavailable");
    site.control().set_outage(false).unwrap();
    let back = Instant::now();
    let members = group.until_running(2);
    assert!(
        back.elapsed() < Duration::from_secs(30),
        "work resumed after {:?}",
        back.elapsed()
    );

    assert_eq!(site.control().expire_sessions().unwrap(), 1);
    group.scale(3);
    let three = group.until_running(3);
    assert!(members.iter().all(|(slot, vm)| three.get(slot) == Some(vm)));
    assert_eq!(site.control().sessions().unwrap(), 1);

    // The view is lost while it is away, and nothing follows from that.
    site.control().set_outage(true).unwrap();
    group.until_condition("Ready", "Unknown", "VCenterUnavailable");
    assert_eq!(group.status()["currentReplicas"], 3);
    site.control().set_outage(false).unwrap();
    assert_eq!(group.until_running(3), three);
    eventually("there is one session", Duration::from_secs(10), || {
        let count = site.control().sessions().unwrap();
        if count == 1 {
            Ok(())
        } else {
            Err(count.to_string())
        }
    });
    finish(&site, operator);
}

fn logins(site: &Site) -> usize {
    site.control().trace(0).unwrap().of("Login").count()
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}
