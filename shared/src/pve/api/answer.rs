//! What an answer means. PVE says 500 to nearly all that goes wrong, and what it is may stand in the status line only.

use crate::{fault::Fault, plain::plain, web::Reply};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

/// What stands under `data`.
pub(super) fn data<T: for<'de> Deserialize<'de>>(what: &str, reply: &Reply) -> Result<T, Fault> {
    if !is_json(reply) {
        return Err(no_api(what, reply));
    }
    serde_json::from_slice(&reply.body).map(|envelope: Envelope<T>| envelope.data).map_err(|error| {
        let why =
            if error.is_eof() { "the answer ends in the middle".to_owned() } else { plain(&error.to_string(), 200) };
        Fault::problem(format!("{what}: {why} ({} bytes)", reply.body.len()))
            .next("journalctl -u pveproxy on that node")
    })
}

fn is_json(reply: &Reply) -> bool {
    reply.head.content.contains("json") || reply.body.trim_ascii_start().first() == Some(&b'{')
}

fn no_api(what: &str, reply: &Reply) -> Fault {
    let content = if reply.head.content.is_empty() { "nothing that it names" } else { &reply.head.content };
    Fault::problem(format!("{what}: {} with {content} instead of JSON: this is no PVE API", reply.head.status))
        .next("--api https://HOST:8006, without a path")
}

/// What a status other than 200 means, and what to do about it.
pub(super) fn refused(what: &str, reply: &Reply, user: &str, token: &str) -> Fault {
    let status = reply.head.status;
    let said = said(reply);
    let fault = |meaning: &str| Fault::problem(format!("{what}: {status} {said}: {meaning}"));
    match status {
        401 => fault("the token is not taken").next(format!("pveum user token list {user}")),
        403 => {
            // PVEAuditor holds the rights to look, PVEVMUser those to start and stop.
            let role = if said.contains("PowerMgmt") { "PVEVMUser" } else { "PVEAuditor" };
            fault(&format!("the token {token} may not do that"))
                .next(format!("pveum acl modify / --tokens '{token}' --roles {role}"))
        }
        301..=399 => Fault::problem(format!("{what}: {status}: sent elsewhere, which is not followed"))
            .next("--api with the address that is meant"),
        404 if !is_json(reply) => no_api(what, reply),
        400 => fault("PVE does not take this request").next("pveversion on that node: is it 7 or newer?"),
        501 => fault("this server does not know the request").next("--api https://HOST:8006, without a path"),
        595..=599 => fault("the node that was asked does not reach the one that is meant").next("pvecm status"),
        500 if said.contains("does not exist") || said.contains("no such VM") => {
            fault("there is no such VM there").next("vm-probe list")
        }
        500 if said.contains("got timeout") || said.contains("can't lock file") || said.contains("VM is locked") => {
            Fault::busy(format!("{what}: {status} {said}")).next("qm list, and again in a while")
        }
        502..=504 => {
            fault("a proxy stands before the API, and does not reach it").next("systemctl status pveproxy pvedaemon")
        }
        _ => {
            Fault::problem(format!("{what}: {status} {said}")).next("journalctl -u pveproxy -u pvedaemon on that node")
        }
    }
}

/// What the server said is wrong: in its status line, in the body, or by field.
fn said(reply: &Reply) -> String {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body {
        message: Option<String>,
        errors: Option<BTreeMap<String, serde_json::Value>>,
    }
    let body: Body = serde_json::from_slice(&reply.body).unwrap_or_default();
    let reason = reply.head.reason.trim();
    let message = body.message.map(|text| plain(&text, 300)).filter(|text| !reason.contains(text.as_str()));
    let errors = body.errors.unwrap_or_default();
    let fields = errors.iter().take(5).map(|(field, why)| {
        let why = why.as_str().map_or_else(|| why.to_string(), str::to_owned);
        format!("{}: {}", plain(field, 40), plain(&why, 150))
    });
    let parts = [reason.to_owned()].into_iter().chain(message).chain(fields).filter(|part| !part.is_empty());
    let text = parts.collect::<Vec<_>>().join("; ");
    if text.is_empty() { "without a word".to_owned() } else { plain(&text, 400) }
}
