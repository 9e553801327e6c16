//! Hands mails to sendmail, which may hang.

use super::{Told, Why};
use crate::{
    command,
    deadline::Deadline,
    fault::{Code, Fault},
    pve::qm,
    session::Session,
};
use anyhow::{Context, Result};
use std::{
    cell::Cell,
    io::Write,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

/// How long `sendmail` may take to accept a mail.
const PATIENCE: Duration = Duration::from_secs(20);
/// Less than a pipe holds, so that writing it never waits.
const LARGEST: usize = 16 << 10;

/// Who takes the mails: none any more once one hung. It may have been taken all the same, and so would each further one,
/// which the next run mails again.
pub(super) struct Post<'s> {
    pub session: &'s Session,
    pub hung: Cell<bool>,
}

impl Post<'_> {
    /// Mails root, with what it was where that is news.
    pub fn mail(&self, name: &str, what: &str, why: Why, last: Option<&Told>, body: &str) -> Result<()> {
        let session = self.session;
        let node = session.host.node();
        let was = last.filter(|_| why == Why::Changed).map(|last| format!(" (was {})", last.state)).unwrap_or_default();
        let reminder = if why == Why::Reminder { "still " } else { "" };
        let subject: String =
            format!("[{node}] Coral {name}: {reminder}{what}{was}").chars().filter(|c| !c.is_control()).collect();
        if session.dry_run {
            session.would(&format!("mail root: {subject}"));
            return Ok(());
        }
        if self.hung.get() || session.deadline.expired() {
            let why = if self.hung.get() { "not tried any more" } else { "no time is left" };
            return Fault::wedged(format!("sendmail root: {why}: {subject}")).next("mailq").fail();
        }
        let mut text = format!("To: root\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{body}");
        let mut end = text.len().min(LARGEST);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        let sent = send(session, &text);
        self.hung.set(sent.as_ref().is_err_and(|error| Fault::code_of(error) == Code::Wedged));
        sent?;
        session.log.change(&format!("mailed root: {subject}"));
        Ok(())
    }
}

fn send(session: &Session, text: &str) -> Result<()> {
    if command::find("sendmail").or_else(|| command::find("/usr/sbin/sendmail")).is_none() {
        return Fault::problem("sendmail root: sendmail is not installed").next("apt install postfix").fail();
    }
    let program = qm::program(&session.host, "sendmail", "sendmail root")?;
    let mut child = Command::new(&program)
        .args(["-i", "root"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("sendmail root")?;
    let written = child.stdin.take().map_or(Ok(()), |mut pipe| pipe.write_all(text.as_bytes()));
    let status = wait(&mut child, &session.deadline.within(PATIENCE))?;
    if !status.success() || written.is_err() {
        return Fault::problem(format!("sendmail root: {status}")).next("sendmail -i root </dev/null").fail();
    }
    Ok(())
}

pub(super) fn wait(child: &mut Child, deadline: &Deadline) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if deadline.expired() {
            // With what it started.
            command::end(child);
            return Fault::wedged("sendmail root: no end in time, killed").next("mailq").fail();
        }
        thread::sleep(Duration::from_millis(20));
    }
}
