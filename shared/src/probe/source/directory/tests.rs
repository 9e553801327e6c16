use super::*;
use crate::{
    probe::document::discovery_info,
    web::fake::{Server, json as body, reply},
};
use serde_json::json;
use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    thread,
    time::{Duration, Instant},
};

fn tree() -> (tempfile::TempDir, Host) {
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path());
    fs::create_dir_all(host.instances_file().parent().unwrap()).unwrap();
    (dir, host)
}

/// As long as a machine may stand still that has other things to do.
fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

fn attempt(listing: &Listing, source: Origin) -> &Attempt {
    listing.attempts.iter().find(|attempt| attempt.source == source).unwrap()
}

#[test]
fn a_machine_without_any_source_says_what_to_do() {
    let (_dir, host) = tree();
    let mut directory = Directory::new(&host, &Settings::default());
    assert_eq!(directory.listing().origin, None);
    let listing = directory.refresh(&soon());
    assert_eq!((listing.origin, listing.at, listing.stale), (None, 0, false));
    assert_eq!(listing.attempts.len(), 5);
    assert!(listing.attempts.iter().all(|attempt| !attempt.available && !attempt.detail.is_empty()));
    assert!(attempt(&listing, Origin::File).detail.contains("/etc/pve-hooks/instances.json: no such file"));
}

#[test]
fn the_host_comes_first_and_the_list_is_told_of() {
    let (_dir, host) = tree();
    fs::create_dir_all(host.vm_configs()).unwrap();
    fs::write(host.vm_configs().join("111.conf"), "name: a\n").unwrap();
    fs::write(host.instances_file(), "[{\"id\":\"x\"},{\"id\":\"y\"}]").unwrap();
    let listing = Directory::new(&host, &Settings::default()).refresh(&soon());
    assert_eq!((listing.origin, listing.instances.len()), (Some(Origin::Pve), 1));
    assert!(listing.at > 0 && !listing.stale);
    assert!(attempt(&listing, Origin::File).detail.starts_with("2 instances; not shown, as pve is asked"));
    let named = Settings { source: Some(Origin::File), ..Settings::default() };
    let listing = Directory::new(&host, &named).refresh(&soon());
    assert_eq!((listing.origin, listing.instances.len()), (Some(Origin::File), 2));
}

#[test]
fn a_source_that_answered_before_is_kept_and_called_stale() {
    let (_dir, host) = tree();
    fs::create_dir_all(host.vm_configs()).unwrap();
    fs::write(host.vm_configs().join("111.conf"), "name: a\n").unwrap();
    fs::write(host.instances_file(), "[{\"id\":\"x\"}]").unwrap();
    let mut directory = Directory::new(&host, &Settings::default());
    let first = directory.refresh(&soon());
    fs::remove_dir_all(host.vm_configs()).unwrap();
    let second = directory.refresh(&soon());
    assert!(second.stale, "{second:?}");
    assert_eq!((second.origin, second.at, &second.instances), (Some(Origin::Pve), first.at, &first.instances));
    let told = attempt(&second, Origin::Pve);
    assert!(!told.available && told.detail.contains("its last list is kept"), "{told:?}");
    fs::create_dir_all(host.vm_configs()).unwrap();
    let third = directory.refresh(&soon());
    assert!(!third.stale && third.instances.is_empty());
}

#[test]
fn a_list_that_went_wrong_keeps_what_it_said_before() {
    let (_dir, host) = tree();
    fs::write(host.instances_file(), "[{\"id\":\"x\"}]").unwrap();
    let mut directory = Directory::new(&host, &Settings::default());
    assert_eq!(directory.refresh(&soon()).instances.len(), 1);
    fs::write(host.instances_file(), "[{\"id\":\"x\"").unwrap();
    let listing = directory.refresh(&soon());
    assert!(listing.stale && listing.instances.len() == 1);
    assert!(attempt(&listing, Origin::File).detail.starts_with("/etc/pve-hooks/instances.json:1:"));
}

#[test]
fn the_list_stands_in_for_a_source_that_never_answered() {
    let server = Server::start(|_| reply("503 x", "text/plain", ""));
    let (_dir, host) = tree();
    fs::write(host.instances_file(), "[{\"id\":\"x\"}]").unwrap();
    let mut settings = Settings::default();
    settings.kubernetes.url = Some(server.url());
    settings.kubernetes.namespace = Some("loco".into());
    let listing = Directory::new(&host, &settings).refresh(&soon());
    assert_eq!((listing.origin, listing.stale, listing.instances.len()), (Some(Origin::File), false, 1));
    let told = attempt(&listing, Origin::Kubernetes);
    assert!(!told.available && told.detail.contains("503") && told.detail.ends_with("stands in"), "{told:?}");
    assert_eq!((listing.stands_in_for, listing.failed()), (Some(Origin::Kubernetes), Some(told)));
    let told = attempt(&listing, Origin::File);
    assert_eq!((told.detail.as_str(), &told.next), ("1 instance; shown, as kubernetes does not answer", &None));
    assert_eq!(listing.namespace.as_deref(), Some("loco"));
    let info = discovery_info(&listing, listing.at);
    assert_eq!(
        (&info["standsInFor"], &info["kubernetesDiscovery"]["namespace"]),
        (&json!("kubernetes"), &json!("loco"))
    );
    // Who names a source means that one.
    settings.source = Some(Origin::Kubernetes);
    let listing = Directory::new(&host, &settings).refresh(&soon());
    assert_eq!((listing.origin, listing.stale, listing.at), (Some(Origin::Kubernetes), true, 0));
    assert!(listing.instances.is_empty());
}

#[test]
fn an_empty_list_stands_in_for_nobody() {
    let server = Server::start(|_| reply("503 x", "text/plain", ""));
    let (_dir, host) = tree();
    fs::write(host.instances_file(), "[]").unwrap();
    let mut settings = Settings::default();
    settings.kubernetes.url = Some(server.url());
    let mut directory = Directory::new(&host, &settings);
    let listing = directory.refresh(&soon());
    // As if there were no list: nobody knows which VMs there are.
    assert_eq!((listing.origin, listing.stale, listing.at), (Some(Origin::Kubernetes), true, 0));
    let told = attempt(&listing, Origin::Kubernetes);
    assert!(!told.available && told.detail.ends_with("is empty, and does not stand in"), "{told:?}");
    assert_eq!((listing.stands_in_for, listing.failed()), (None, Some(told)));
    // Who has nothing but the list has that one.
    settings.kubernetes.url = None;
    let listing = Directory::new(&host, &settings).refresh(&soon());
    assert_eq!((listing.origin, listing.stale, listing.failed()), (Some(Origin::File), false, None));
    assert!(listing.at > 0);
}

#[test]
fn a_cluster_is_listed_once_and_followed_by_a_daemon() {
    let pods = r#"{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"emulator-0"},
        "status":{"phase":"Running","podIP":"10.0.0.7"}}]}"#;
    let server = Server::serve(move |request, stream| {
        if !request.contains("watch=1") {
            let _ = stream.write_all(&body(pods));
            return;
        }
        let added = r#"{"type":"ADDED","object":{"metadata":{"name":"emulator-1","resourceVersion":"8"}}}"#;
        let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n\r\n{added}\n").as_bytes());
        thread::sleep(Duration::from_secs(60));
    });
    let (_dir, host) = tree();
    let mut settings = Settings::default();
    settings.kubernetes.url = Some(server.url());
    let listing = Directory::new(&host, &settings).refresh(&soon());
    assert_eq!(listing.instances[0].health_url.as_deref(), Some("http://10.0.0.7:8080/health"));
    let mut directory = Directory::new(&host, &settings).watching();
    let until = Instant::now() + Duration::from_secs(60);
    while directory.refresh(&soon()).instances.len() < 2 {
        assert!(Instant::now() < until, "{:?}", directory.listing());
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(server.asked().iter().filter(|request| !request.contains("watch=1")).count(), 2);
    let listing = directory.listing();
    assert!(!listing.stale && listing.at > 0 && listing.origin == Some(Origin::Kubernetes));
}

#[test]
fn a_token_that_sees_nothing_is_told_how_it_would_see() {
    let server = Server::start(|_| body(r#"{"data":[]}"#));
    let (dir, host) = tree();
    let token = dir.path().join("token");
    fs::write(&token, "root@pam!probe=uuid").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let mut settings = Settings::default();
    settings.api.url = Some(server.url());
    settings.api.token_file = Some(token);
    let mut directory = Directory::new(&host, &settings);
    let listing = directory.refresh(&soon());
    let told = attempt(&listing, Origin::Api);
    assert!(told.available && told.detail == "0 instances" && told.next.is_some(), "{told:?}");
    thread::sleep(Duration::from_millis(20));
    assert_eq!(directory.refresh(&soon()).at, listing.at, "it was not asked again, so it is no newer");
}
