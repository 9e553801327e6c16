use super::*;
use crate::{
    fault::Code,
    web::{
        Reply,
        fake::{Server, json, reply},
        tests::secure,
    },
};
use proptest::prelude::*;
use std::{fs, os::unix::fs::PermissionsExt, thread};

struct Place {
    _dir: tempfile::TempDir,
    host: Host,
    settings: Api,
}

fn place(url: &str) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    fs::write(&token, "root@pam!probe=secret-uuid").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let host = Host::new(dir.path());
    let settings = Api { url: Some(url.to_owned()), token_file: Some(token), ..Api::default() };
    Place { _dir: dir, host, settings }
}

fn client(place: &Place) -> Client {
    Client::new(&place.host, &place.settings).unwrap()
}

/// As long as a machine may stand still that has other things to do.
fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

/// What one answer to the list is made of.
fn listed(answer: Vec<u8>) -> Result<Arc<Resources>, Fault> {
    let server = Server::start(move |_| answer.clone());
    let place = place(&server.url());
    client(&place).cluster_resources(&soon()).map_err(|error| Fault::of(&error).expect("a fault").clone())
}

#[test]
fn the_list_is_asked_for_once_in_ten_seconds() {
    let server = Server::start(|_| {
        json(
            r#"{"data":[{"id":"qemu/112","type":"qemu","vmid":112,"name":7,"node":"pve1","status":"running","template":0,
            "cpu":0.0123,"maxcpu":4,"mem":"1073741824","maxmem":2147483648,"netin":18014398509481985,"uptime":60},
            {"type":"lxc","vmid":100},{"type":"storage","storage":"local"},{"type":"qemu","vmid":"111","tags":null,
            "pool":{"a":[1]},"status":null,"template":"1"},{"type":"node","node":"pve1","status":"online"},{"new":1}]}"#,
        )
    });
    let place = place(&format!("{}/api2/json/", server.url()));
    let mut client = client(&place);
    let all = client.cluster_resources(&soon()).unwrap();
    assert_eq!(all.vms.iter().map(|vm| vm.vmid).collect::<Vec<_>>(), [111, 112]);
    assert!(all.vms[0].template && all.vms[0].status.is_none());
    let vm = &all.vms[1];
    assert_eq!((vm.name.as_deref(), vm.cpu, vm.cores), (Some("7"), Some(0.0123), Some(4)));
    assert_eq!((vm.memory, vm.net_in), (Some(1 << 30), Some(18_014_398_509_481_985)));
    assert_eq!(all.nodes.get("pve1"), Some(&true));
    client.cluster_resources(&soon()).unwrap();
    assert_eq!(server.asked().len(), 1);
    let asked = &server.asked()[0];
    assert!(asked.starts_with("GET /api2/json/cluster/resources HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("authorization: PVEAPIToken=root@pam!probe=secret-uuid\r\n"), "{asked}");
    assert!(!format!("{client:?}").contains("secret"));
}

#[test]
fn a_failure_is_not_asked_for_again_at_once_either() {
    let server = Server::start(|_| reply("401 authentication failure", "text/plain", ""));
    let place = place(&server.url());
    let mut client = client(&place);
    for _ in 0..3 {
        assert!(client.cluster_resources(&soon()).is_err());
    }
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn every_way_to_fail_says_what_it_is_and_what_to_type() {
    let html = "<!DOCTYPE html><title>Login</title>";
    for (answer, says, next) in [
        (
            reply("401 authentication failure", "text/plain", ""),
            "401 authentication failure: the token is not taken",
            "pveum user token list root@pam",
        ),
        (
            reply("403 Permission check failed (/, Sys.Audit)", "text/plain", ""),
            "403 Permission check failed (/, Sys.Audit): the token root@pam!probe may not do that",
            "--roles PVEAuditor",
        ),
        (
            reply("403 Permission check failed (/vms/1, VM.PowerMgmt)", "text/plain", ""),
            "may not do that",
            "--roles PVEVMUser",
        ),
        (
            reply(
                "400 Parameter verification failed.",
                "application/json",
                r#"{"errors":{"node":"invalid format"},"data":null}"#,
            ),
            "400 Parameter verification failed.; node: invalid format",
            "pveversion",
        ),
        (
            reply(
                "500 Configuration file 'nodes/a/qemu-server/9.conf' does not exist",
                "application/json",
                r#"{"data":null}"#,
            ),
            "500 Configuration file 'nodes/a/qemu-server/9.conf' does not exist: there is no such VM",
            "vm-probe list",
        ),
        (
            reply(
                "500 Internal Server Error",
                "application/json",
                r#"{"message":"hostname lookup 'b' failed\n","data":null}"#,
            ),
            "500 Internal Server Error; hostname lookup 'b' failed",
            "journalctl",
        ),
        (
            reply("501 Method 'GET /x' not implemented", "text/plain", ""),
            "501 Method 'GET /x' not implemented",
            "--api https://HOST:8006",
        ),
        (
            reply("595 No route to host", "text/plain", ""),
            "595 No route to host: the node that was asked does not reach",
            "pvecm status",
        ),
        (reply("599 Too many redirections", "text/plain", ""), "does not reach", "pvecm status"),
        (
            reply("200 OK", "text/html", html),
            "200 with text/html instead of JSON: this is no PVE API",
            "--api https://HOST:8006",
        ),
        (reply("404 Not Found", "text/html", html), "404 with text/html instead of JSON", "--api https://HOST:8006"),
        (reply("301 Moved", "text/html", html), "sent elsewhere, which is not followed", "--api"),
        (reply("503 Service Unavailable", "text/html", html), "a proxy stands before the API", "pveproxy"),
        (json(r#"{"data":[{"type":"qemu","vmid":1"#), "the answer ends in the middle", "pveproxy"),
        (json(r#"{"data":null}"#), "invalid type: null, expected a list of resources", "pveproxy"),
        (json("{}"), "missing field `data`", "pveproxy"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"data\":[".to_vec(),
            "the connection ended in the middle of the answer",
            "is 127.0.0.1",
        ),
        (Vec::new(), "the connection ended", "is 127.0.0.1"),
    ] {
        let shown = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
        let fault = listed(answer).unwrap_err();
        assert!(fault.what.contains(says), "{shown}: {}", fault.what);
        assert!(
            fault.what.starts_with("http://127.0.0.1:") && fault.what.contains(": GET /cluster/resources: "),
            "{}",
            fault.what
        );
        assert!(fault.next.as_deref().unwrap_or_default().contains(next), "{shown}: {:?}", fault.next);
        assert!(!fault.what.contains("secret"), "{}", fault.what);
    }
}

#[test]
fn a_refusal_that_comes_after_three_seconds_is_still_one() {
    let server = Server::start(|_| {
        thread::sleep(Duration::from_secs(3));
        reply("401 No ticket", "text/plain", "")
    });
    let place = place(&server.url());
    let error = client(&place).cluster_resources(&soon()).unwrap_err().to_string();
    assert!(error.contains("401 No ticket"), "{error}");
}

#[test]
fn what_is_called_a_vm_and_has_no_number_of_one_is_told() {
    let list = |vmids: &[&str]| {
        let entries: Vec<_> = vmids.iter().map(|vmid| format!("{{\"type\":\"qemu\",\"vmid\":{vmid}}}")).collect();
        serde_json::from_str::<Resources>(&format!("[{}]", entries.join(","))).unwrap()
    };
    assert_eq!(list(&["111"]).left_out(), None);
    let all = list(&["-5", "111", "1e99", "null", "5000000000"]);
    assert_eq!(all.vms.len(), 1);
    let told = "left out, as their vmid is no number of a VM: 4 (-5.0, 1e99, none, …)";
    assert_eq!(all.left_out().as_deref(), Some(told));
}

#[test]
fn no_answer_by_the_deadline_is_told_as_that() {
    let server = Server::start(|_| {
        thread::sleep(Duration::from_secs(60));
        reply("200 OK", "application/json", "{}")
    });
    let place = place(&server.url());
    let error = client(&place).cluster_resources(&Deadline::after(Duration::from_millis(300))).unwrap_err();
    assert_eq!(Fault::code_of(&error), Code::Wedged, "{error}");
}

#[test]
fn a_wrong_certificate_is_refused_before_the_token_is_sent() {
    const ANSWER: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"data\":[]}";
    let (server, other) = (secure(&["127.0.0.1"], ANSWER, false), secure(&["127.0.0.1"], ANSWER, false));
    let mut place = place(&server.url);
    fs::create_dir_all(place.host.pve()).unwrap();
    fs::write(place.host.pve_root_ca(), &other.authority).unwrap();
    let error = client(&place).cluster_resources(&soon()).unwrap_err();
    assert_eq!(Fault::code_of(&error), Code::Refused);
    assert!(error.to_string().ends_with("(only PVE's own authority is trusted)"), "{error}");
    fs::write(place.host.pve_root_ca(), &server.authority).unwrap();
    assert!(client(&place).cluster_resources(&soon()).unwrap().vms.is_empty());
    place.settings.fingerprint = Some(other.fingerprint.to_string());
    let error = client(&place).cluster_resources(&soon()).unwrap_err();
    assert!(error.to_string().contains(&server.fingerprint.to_string()), "{error}");
    place.settings.fingerprint = Some(server.fingerprint.to_string().replace(':', "").to_lowercase());
    assert!(client(&place).cluster_resources(&soon()).is_ok());
}

#[test]
fn settings_that_cannot_work_are_named_at_once() {
    let made = |change: fn(&mut Api)| {
        let mut place = place("https://pve1:8006");
        change(&mut place.settings);
        let error = Client::new(&place.host, &place.settings).unwrap_err();
        (Fault::code_of(&error), error.to_string())
    };
    let (code, what) = made(|api| api.url = Some("http://pve1:8006".into()));
    assert!(code == Code::Refused && what.contains("without encryption"), "{what}");
    for (change, word) in [
        ((|api| api.url = None) as fn(&mut Api), "no address"),
        (|api| api.url = Some("pve1:8006".into()), "is no address"),
        (|api| api.url = Some("https://a@b".into()), "is no address"),
        (|api| api.token_file = None, "no file with a token"),
        (|api| api.fingerprint = Some("AB:CD".into()), "64 hex digits"),
        (|_| (), "/etc/pve/pve-root-ca.pem: "),
    ] {
        let (code, what) = made(change);
        assert!(code == Code::Usage && what.contains(word), "{what}");
    }
}

#[test]
fn a_vm_is_asked_for_and_started_by_the_names_of_the_api() {
    let server = Server::start(|request| {
        let line = request.lines().next().unwrap_or_default();
        match line.trim_end_matches(" HTTP/1.1").trim_start_matches("GET /api2/json") {
            "/nodes/pve1/qemu/111/status/current" => json(
                r#"{"data":{"status":"running","qmpstatus":"io-error","running-qemu":"9.2.0","ha":{"managed":"0"},"lock":"backup"}}"#,
            ),
            "POST /api2/json/nodes/pve1/qemu/111/status/stop" => {
                json(r#"{"data":"UPID:pve1:0001:02:03:qmstop:111:root@pam!probe:"}"#)
            }
            "/nodes/pve1/tasks/UPID:pve1:0001:02:03:qmstop:111:root@pam!probe:/status" => {
                json(r#"{"data":{"status":"stopped","exitstatus":"OK"}}"#)
            }
            "/nodes/pve1/tasks/UPID:b/status" => {
                json(r#"{"data":{"status":"stopped","exitstatus":"can't lock file"}}"#)
            }
            "/nodes/pve1/tasks/UPID:c/status" => json(r#"{"data":{"status":"running"}}"#),
            _ => reply("500 no such thing", "text/plain", ""),
        }
    });
    let place = place(&server.url());
    let client = client(&place);
    let current = client.status_current("pve1", 111, &soon()).unwrap();
    assert_eq!((current.qmpstatus.as_deref(), current.ha_managed), (Some("io-error"), Some(false)));
    assert_eq!((current.running_qemu.as_deref(), current.lock.as_deref()), (Some("9.2.0"), Some("backup")));
    let upid = client.power("pve1", 111, Verb::Stop, &soon()).unwrap();
    assert_eq!(client.task("pve1", &upid, &soon()).unwrap(), Task::Done);
    assert_eq!(client.task("pve1", "UPID:b", &soon()).unwrap(), Task::Failed("can't lock file".into()));
    assert_eq!(client.task("pve1", "UPID:c", &soon()).unwrap(), Task::Running);
    assert!(client.power("pve1", 112, Verb::Stop, &soon()).is_err());
    for node in ["", "..", "a/b", "a?b", "a b"] {
        assert!(client.status_current(node, 1, &soon()).is_err(), "{node}");
    }
}

#[test]
fn ten_thousand_guests_are_read_fast() {
    let entry = |n: u32| {
        format!(
            r#"{{"id":"qemu/{n}","type":"qemu","vmid":{n},"name":"vm-{n}","node":"pve{}","status":"running","template":0,"cpu":0.0123,
            "maxcpu":4,"mem":1073741824,"maxmem":2147483648,"disk":0,"maxdisk":34359738368,"diskread":123456789,
            "diskwrite":987654321,"netin":123456789,"netout":987654321,"uptime":123456,"tags":"a;b","memhost":123456789}}"#,
            n % 16
        )
    };
    let body = format!("{{\"data\":[{}]}}", (1..=10_000).map(entry).collect::<Vec<_>>().join(","));
    assert!(body.len() > 3_000_000);
    let all = listed(json(&body)).unwrap();
    assert_eq!(all.vms.len(), 10_000);
}

proptest! {
    #[test]
    fn no_list_makes_it_panic(text in "\\{\"data\":\\[(\\{\"type\":\"qemu\",\"vmid\":-?[0-9]{1,25}(\\.[0-9e]+)?\\}|\\PC*),?\\]\\}|\\PC*") {
        let reply = Reply {
            head: web::Head { status: 200, reason: text.clone(), content: "application/json".into() },
            body: text.into_bytes(),
        };
        let _ = answer::data::<Resources>("x", &reply);
        let _ = answer::refused("x", &reply, "a", "b");
    }
}
