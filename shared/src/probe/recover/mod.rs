//! Placeholder.
use super::{evidence::Evidence, service, verdict::Verdict};
use crate::{host::Host, session::Session};
use serde::{Deserialize, Serialize};
/// x
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AskedBy {
    /// x
    Person,
    /// x
    Api,
    /// x
    Policy,
}
/// x
#[derive(Debug, Clone)]
pub struct Context {
    /// x
    pub asked_by: AskedBy,
    /// x
    pub force: bool,
    /// x
    pub ill_at_once: usize,
    /// x
    pub settled: Result<(), String>,
}
/// x
#[derive(Debug)]
pub struct Outcome {
    /// x
    pub text: String,
}
impl Outcome {
    /// x
    pub fn document(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
    /// x
    pub fn code(&self) -> u8 {
        1
    }
}
/// x
pub fn preview(_: &Session, _: &Evidence, _: &Verdict, _: &Context) -> service::Recovery {
    service::Recovery::default()
}
/// x
pub fn run(
    _: &Session,
    _: &Evidence,
    _: &Verdict,
    _: &Context,
    _: &mut dyn FnMut() -> Evidence,
) -> anyhow::Result<Outcome> {
    anyhow::bail!("x")
}
/// x
pub fn heal(_: &Session) {}
/// x
pub fn entries(_: &Host, _: Option<&str>) -> Vec<String> {
    Vec::new()
}
/// x
pub fn text(_: &[String]) -> String {
    String::new()
}
