//! Where the cluster's API is, and who we are there: what Kubernetes puts into every pod, or what the settings say.

use crate::{
    config::probe::Kubernetes,
    fault::Fault,
    host::{Host, read_file, read_text},
    plain::plain,
    web::{self, Trouble, Trust},
};
use anyhow::Result;
use std::{env, path::PathBuf};

/// An address, a namespace, and where the token lies.
#[derive(Debug, Clone)]
pub(super) struct Access {
    base: String,
    namespace: String,
    token_file: PathBuf,
}

/// The address of the cluster around this pod. A tree that stands in for a machine is in no cluster.
pub(super) fn around(host: &Host) -> Option<String> {
    if !host.is_live() || !host.service_account().join("token").exists() {
        return None;
    }
    let name = env::var("KUBERNETES_SERVICE_HOST").ok().filter(|name| !name.is_empty())?;
    let port = env::var("KUBERNETES_SERVICE_PORT").ok().filter(|port| !port.is_empty());
    Some(address(&name, port.as_deref().unwrap_or("443")))
}

fn address(name: &str, port: &str) -> String {
    // An address of IPv6 stands in brackets.
    if name.contains(':') { format!("https://[{name}]:{port}") } else { format!("https://{name}:{port}") }
}

/// The namespace that is looked at: the one of the settings, or that of this pod.
pub fn namespace(host: &Host, settings: &Kubernetes) -> String {
    let own = || read_text(&host.service_account().join("namespace")).ok().map(|text| text.trim().to_owned());
    let namespace = settings.namespace.clone().or_else(own).filter(|name| !name.is_empty());
    namespace.unwrap_or_else(|| "default".to_owned())
}

impl Access {
    /// By the settings, and where they are silent, by what is in the pod.
    pub(super) fn new(host: &Host, settings: &Kubernetes) -> Result<(Self, Trust)> {
        let given = settings.url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        let Some(base) = given.or_else(|| around(host)) else {
            return Fault::usage("this is no pod with a service account, and no address of a Kubernetes API is given")
                .next("kubectl proxy, and [probe.kubernetes] url = \"http://127.0.0.1:8001\"")
                .fail();
        };
        let account = host.service_account();
        let namespace = namespace(host, settings);
        let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !namespace.chars().all(named) {
            return Fault::usage(format!("{:?} is no namespace", plain(&namespace, 80)))
                .next("kubectl get namespaces")
                .fail();
        }
        let trust = match web::scheme(&base) {
            Some("http") if web::is_loopback(&base) => Trust::nobody(),
            Some("https") => authority(host)?,
            Some(_) => {
                return Fault::refused(format!("{}: would send the token without encryption", plain(&base, 200)))
                    .next("https://HOST:6443, or http://127.0.0.1:8001 of kubectl proxy")
                    .fail();
            }
            None => {
                return Fault::usage(format!("{}: is no address", plain(&base, 200))).next("https://HOST:6443").fail();
            }
        };
        Ok((Self { base, namespace, token_file: account.join("token") }, trust))
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The token at this moment: Kubernetes replaces it every hour. `kubectl proxy` needs none.
    pub(super) fn authorization(&self) -> Result<Option<String>, Fault> {
        match read_text(&self.token_file) {
            Ok(text) => {
                let token = text.trim();
                if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
                    return Err(Fault::problem(format!("{}: is no token", self.token_file.display())));
                }
                Ok(Some(format!("Bearer {token}")))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && web::is_loopback(&self.base) => Ok(None),
            Err(error) => Err(Fault::problem(format!("{}: {error}", self.token_file.display()))
                .next("is automountServiceAccountToken of the pod off? kubectl get pod -o yaml")),
        }
    }

    /// There is no answer: why, and what to look at.
    pub(super) fn unanswered(&self, what: &str, trouble: &Trouble) -> Fault {
        let text = format!("{what}: {trouble}");
        let fault = if matches!(trouble, Trouble::Late(_)) { Fault::wedged(text) } else { Fault::problem(text) };
        match trouble {
            Trouble::Untrusted(_) => fault.next("kubectl get configmap kube-root-ca.crt -o yaml"),
            _ => fault.next(format!("kubectl --server={} get --raw /readyz", self.base)),
        }
    }
}

/// The authority that the pod was given.
fn authority(host: &Host) -> Result<Trust> {
    let path = host.service_account().join("ca.crt");
    let shown = host.shown(&path);
    let bytes = read_file(&path).map_err(|error| {
        Fault::problem(format!("{shown}: {error}; so nothing says whom to trust"))
            .next("outside of a pod: kubectl proxy, and [probe.kubernetes] url = \"http://127.0.0.1:8001\"")
    })?;
    Trust::signed_by(&bytes).map_err(|why| Fault::problem(format!("{shown}: {why}")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ipv6_stands_in_brackets() {
        assert_eq!(address("10.96.0.1", "443"), "https://10.96.0.1:443");
        assert_eq!(address("fd00::1", "6443"), "https://[fd00::1]:6443");
    }
}
