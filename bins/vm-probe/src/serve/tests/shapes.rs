//! What is answered to who asks as he should.

use super::*;

#[test]
fn the_endpoints_have_the_shapes_that_front_ends_know() {
    let server = Running::new(4);
    let health = server.json("/health");
    assert_eq!(health["overall_status"], "unhealthy");
    for block in ["video", "audio", "performance", "network"] {
        assert!(health[block].is_object(), "{block}");
    }
    assert_eq!(server.json("/")["overall_status"], "unhealthy");
    let deep = server.json("/api/quality/deep-health");
    assert_eq!(deep.as_object().unwrap().len(), 4);
    assert_eq!(deep["101"]["failureType"], "qemu");
    assert_eq!(server.json("/api/quality/deep-health/103")["failureType"], "network");
    let whole = server.json("/api/quality/deep-health/104");
    let brief = server.json("/api/quality/deep-health/104?brief=1");
    assert!(whole["deepHealth"]["video"]["figures"].is_object() && brief["deepHealth"]["video"]["figures"].is_null());
    let recovery = server.json("/api/quality/recovery-status");
    assert_eq!((&recovery["102"]["attempts"], &recovery["102"]["maxAttempts"]), (&1.into(), &3.into()));
    assert_eq!(recovery["102"]["history"].as_array().unwrap().len(), 1);
    assert_eq!(recovery["103"]["canRecover"], false);
    assert_eq!(server.json("/api/quality/history/101")["readings"].as_array().unwrap().len(), 120);
    assert_eq!(server.json("/api/instances")[3]["name"], "backup-target");
    assert_eq!(server.json("/api/instances/discovery-info")["fallbackToStatic"], false);
    assert_eq!(server.json("/readyz")["ready"], true);
    assert_eq!(server.json("/api/openapi.json")["openapi"], "3.1.0");
    for path in ["deep-health", "history"] {
        let answer = server.ask(&format!("GET /api/quality/{path}/999"), &[], "");
        assert_eq!((status(&answer), body(&answer)), (404, "{\"error\":\"Instance not found\"}"));
    }
    let answer = server.ask("GET /metrics", &[], "");
    assert_eq!(
        (header(&answer, "content-type"), body(&answer)),
        (Some("text/plain; version=0.0.4; charset=utf-8"), "vm_probe_vms 4\n")
    );
    let answer =
        server.ask("GET /metrics", &["Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5"], "");
    assert!(body(&answer).ends_with("# EOF\n") && answer.contains("application/openmetrics-text; version=1.0.0"));
    assert_eq!(body(&server.ask("GET /livez", &[], "")), "alive\n");
}

#[test]
fn before_the_first_discovery_it_lives_and_is_not_ready() {
    let server = Running::new(0);
    assert_eq!(status(&server.ask("GET /livez", &[], "")), 200);
    for path in ["/readyz", "/api/instances"] {
        let answer = server.ask(&format!("GET {path}"), &[], "");
        assert_eq!(status(&answer), 503, "{path}");
        assert!(header(&answer, "retry-after").is_some());
    }
    assert_eq!(server.json("/health")["overall_status"], "unknown");
    assert_eq!(server.json("/api/quality/deep-health"), serde_json::json!({}));
}

#[test]
fn every_answer_forbids_what_a_browser_need_not_do() {
    let server = Running::new(1);
    let page = server.ask("GET /", &["Accept: text/html,application/xhtml+xml"], "");
    assert!(body(&page).starts_with("<!doctype html>"));
    assert!(header(&page, "content-security-policy").unwrap().contains("script-src 'sha256-"));
    for answer in
        [page, server.ask("GET /health", &[], ""), server.ask("GET /nothing", &["Origin: http://evil.example"], "")]
    {
        assert!(header(&answer, "content-security-policy").unwrap().starts_with("default-src 'none'"), "{answer}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
        assert_eq!(header(&answer, "referrer-policy"), Some("no-referrer"));
        assert_eq!(header(&answer, "cache-control"), Some("no-store"));
        assert!(!answer.to_ascii_lowercase().contains("access-control-"), "{answer}");
    }
    let head = server.ask("HEAD /health", &[], "");
    assert_eq!((status(&head), body(&head)), (200, ""));
    assert!(header(&head, "content-length").unwrap().parse::<usize>().unwrap() > 100);
}

#[test]
fn a_recovery_is_handed_on_once_and_the_sixth_in_a_minute_has_to_wait() {
    let server = Running::new(4);
    let answer = server.post("/api/quality/recover/101", &["Origin: http://localhost"], "{\"forceRecovery\":true}");
    assert_eq!(status(&answer), 200, "{answer}");
    let told: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!((&told["failureType"], &told["forceRecovery"]), (&"qemu".into(), &true.into()));
    assert_eq!(status(&server.post("/api/quality/recover/103", &[], "")), 409);
    assert_eq!(status(&server.post("/api/quality/recover/999", &[], "")), 404);
    for _ in 0..3 {
        assert_eq!(status(&server.post("/api/quality/recover/102", &[], "{}")), 200);
    }
    let answer = server.post("/api/quality/recover/102", &[], "{}");
    assert_eq!(status(&answer), 429);
    assert!((1..=61).contains(&header(&answer, "retry-after").unwrap().parse().unwrap()));
    let done = server.fake.recovered.lock().unwrap().clone();
    assert_eq!(done[0], ("101".to_owned(), true));
    assert_eq!(done.len(), 4);
    let answer = server.post("/api/instances/refresh", &[], "");
    assert!(body(&answer).contains("\"instanceCount\":4"), "{answer}");
}

#[test]
fn the_description_names_exactly_what_there_is() {
    let server = Running::new(3);
    let api = server.json("/api/openapi.json");
    for (path, methods) in api["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "102");
        for method in ["get", "post"] {
            if path == "/api/events" && method == "get" {
                continue;
            }
            let answer = server.ask(&format!("{} {path}", method.to_uppercase()), &[], "");
            let described = methods.get(method).is_some();
            assert_eq!(status(&answer) != 405, described, "{method} {path}");
            assert!(!described || methods[method]["responses"].get(status(&answer).to_string()).is_some(), "{answer}");
        }
    }
    assert_eq!(api["paths"].as_object().unwrap().len(), 15);
}
