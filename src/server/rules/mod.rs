//! Rule sets by request: proposed, approved, taken up, decided beside, rolled back.
//!
//! Promises that what takes another's place is what it was compared with; that what is slow (reading, checking, keeping,
//! comparing) is done beside the engine, and that a rollback waits for none of it; that each step is in the journal before it
//! acts, and on disk before it is told; and that nothing decides without the approvals that are asked for. Must never know HTTP
//! but for its problems.

/// Who may approve.
mod approvals;
/// Checked and compared.
mod checked;
/// What the engine's thread does.
mod desk;
/// A file that is followed.
mod follow;

pub use approvals::{Approvals, Approver, ApproversError};
pub(super) use desk::Beside;
pub(super) use follow::follow;

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::clock::now_us;
use super::engine::Desk;
use super::http::Problem;
use super::service::{Service, Stage};
use checked::Diff;
use desk::{Known, TakenUp};

use crate::hex::{hex, unhex};
use crate::journal::{Activation, Keeper, Prepared, Proposal, Recorded, Ruling, Rulings};

/// What all who change rule sets share.
#[derive(Default)]
pub(super) struct Rules {
    /// Once the engine is ready.
    pub(super) keeper: OnceLock<Keeper>,
    /// One at a time is approved, loaded beside or taken up.
    turn: tokio::sync::Mutex<()>,
    /// One at a time is gone back to, whatever else is being done.
    back: tokio::sync::Mutex<()>,
    /// One at a time is sent or followed, checked and held in memory.
    pub(super) sending: tokio::sync::Mutex<()>,
    /// Why the last warm-up came to nothing.
    not_warmed: Mutex<Option<String>>,
}

impl Rules {
    fn not_warmed(&self, why: Option<String>) {
        *self.not_warmed.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// A rule set as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sent {
    /// The path of the rule file.
    file: String,
    /// All files by their paths.
    files: BTreeMap<String, String>,
}

/// How a rule set is to be taken up.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct How {
    /// Whether its features are filled from the journal first.
    warm: bool,
    /// The hash of what decides, as whoever asks knows it.
    from: Option<String>,
}

/// An approval as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signed {
    approver: String,
    signature: String,
}

fn conflict(word: &str, title: &'static str, detail: impl ToString) -> Problem {
    Problem::new(StatusCode::CONFLICT, word, title, detail)
}

fn unfit(why: String) -> Problem {
    conflict("unfit", "The rule set does not fit", why)
}

fn unready(detail: impl ToString) -> Problem {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "not-ready", "Rule sets can't be changed now", detail)
        .retry_after(Duration::from_secs(1))
}

fn ended() -> Problem {
    unready("the engine has ended")
}

/// Does what is slow beside all that waits.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(ended()))
}

impl Service {
    fn keeper(&self) -> Result<Keeper, Problem> {
        if !self.settings.without.has_journal() {
            let detail =
                "nothing is recorded (`measure.without`), and rule sets are changed with the journal alone";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Err(Problem::new(status, "not-ready", "Rule sets can't be changed now", detail));
        }
        match self.stage() {
            Stage::Ready => {}
            Stage::Recovering(_) => return Err(unready("the engine is not ready yet")),
            Stage::Draining => return Err(unready("the process is about to end")),
            Stage::Alone(_) | Stage::JournalFailed(_) => {
                return Err(unready("the journal has failed, and rule sets are changed with it alone"));
            }
        }
        self.rules.keeper.get().cloned().ok_or_else(|| unready("the engine is not ready yet"))
    }

    async fn known(&self) -> Result<Known, Problem> {
        self.order(|desk| desk.known()).await.ok_or_else(ended)
    }

    async fn rulings(&self) -> Result<Rulings, Problem> {
        self.order(|desk| desk.recorded.rulings().clone()).await.ok_or_else(ended)
    }

    /// Keeps a rule set with the journal, once the running engine says that it fits: what is refused leaves nothing behind.
    async fn keep(&self, keeper: Keeper, prepared: Prepared) -> Result<Prepared, Problem> {
        let checked = self.order(move |desk| (desk.check_fit(&prepared), prepared)).await;
        let (fits, prepared) = checked.ok_or_else(ended)?;
        fits.map_err(unfit)?;
        beside(move || checked::keep(&keeper, prepared)).await
    }

    /// Has the engine's thread put something down, and waits until it is on disk.
    async fn ruled(
        &self,
        put: impl FnOnce(&mut Desk) -> Result<u64, Problem> + Send + 'static,
    ) -> Result<(), Problem> {
        let number = self.order(put).await.ok_or_else(ended)??;
        self.on_disk(number).await
    }

    /// Waits until a record is on disk, as far as answers wait for that.
    async fn on_disk(&self, number: u64) -> Result<(), Problem> {
        let Some(watch) = self.metrics.watch.get().cloned() else { return Err(ended()) };
        beside(move || watch.wait(number).map_err(unready)).await
    }

    /// What is otherwise in a rule set than in the one that decides.
    async fn diff(&self, rulings: &Rulings, new: &Prepared) -> Result<Option<Diff>, Problem> {
        let keeper = self.keeper()?;
        let live = live(rulings).map(str::to_owned);
        let (Some(live), new) = (live, new.clone()) else { return Ok(None) };
        // A clone shares its entries with those that decide: they are counted beside.
        let held = self.order(|desk| {
            let engine = desk.recorded.engine();
            (engine.rules_shared(), engine.lists().clone())
        });
        let (rules, lists) = held.await.ok_or_else(ended)?;
        let compare = move || {
            let old = checked::prepared(&keeper, &live)?;
            Diff::between(&old, &new, (&rules, &lists), now_us()).map(Some)
        };
        beside(compare).await
    }
}

/// A proposal as it is told.
fn told(service: &Service, keeper: &Keeper, proposal: &Proposal) -> Value {
    let Approvals { required, .. } = service.settings.approvals;
    let counted = service.settings.approvals.counted(proposal, &keeper.id());
    json!({
        "hash": proposal.rules,
        "rule_set": proposal.rule_set,
        "name": proposal.name,
        "proposed_us": proposal.at_us,
        "proposed_by": proposal.by,
        "approved_by": counted,
        "approvals_lacking": required.saturating_sub(counted.len()),
    })
}

/// The hash that a rule set is kept by, where that is known.
fn said(rules: &str) -> Option<&str> {
    Some(rules).filter(|rules| !rules.is_empty())
}

/// The hash of what decides, where that is known.
fn live(rulings: &Rulings) -> Option<&str> {
    rulings.live().and_then(|live| said(&live.rules))
}

/// Fails where something else decides than whoever asks thinks.
fn is_from(rulings: &Rulings, from: Option<&str>) -> Result<(), Problem> {
    if from.is_none_or(|from| live(rulings) == Some(from)) { Ok(()) } else { Err(changed(rulings)) }
}

fn changed(rulings: &Rulings) -> Problem {
    let detail = "something else decides than was thought or compared; look at it, and ask again";
    conflict("changed", "Another rule set decides", detail).with("live", live(rulings).into())
}

/// Fails where no more can be proposed.
fn has_room(rulings: &Rulings, rules: &str) -> Result<(), Problem> {
    let detail = "as many are proposed and approved as there may be; activate one of them first";
    let full = || conflict("proposals", "Too many rule sets wait", detail);
    rulings.has_room(rules).then_some(()).ok_or_else(full)
}

/// All that is known of rule sets.
pub(super) async fn look(service: &Service) -> Result<Value, Problem> {
    let keeper = service.keeper()?;
    let Known { rulings, live: mut decides, shadow, warming } = service.known().await?;
    if let Some(ruling) = rulings.live() {
        decides["hash"] = said(&ruling.rules).into();
        decides["since_us"] = ruling.at_us.into();
        decides["by"] = ruling.by.clone().into();
    }
    let approvals = &service.settings.approvals;
    let before = |before: &Ruling| json!({"hash": said(&before.rules), "rule_set": before.rule_set, "since_us": before.at_us});
    let not_warmed = service.rules.not_warmed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(json!({
        "journal": hex(keeper.id()),
        "live": decides,
        "before": rulings.before().map(before),
        "shadow": shadow,
        "warming": warming,
        "not_warmed": not_warmed,
        "approvals": {
            "required": approvals.required,
            "approvers": approvals.approvers().map(|approver| approver.name.as_str()).collect::<Vec<_>>(),
        },
        "proposed": rulings.proposals().map(|proposal| told(service, &keeper, proposal)).collect::<Vec<_>>(),
    }))
}

/// A hash as the journal knows it.
fn proposed(rulings: &Rulings, rules: &str) -> Result<Proposal, Problem> {
    let unknown = || {
        let detail = "no rule set is proposed with this hash; GET /v1/rules lists those that are";
        Problem::new(StatusCode::NOT_FOUND, "unknown-rules", "There is no such rule set", detail)
    };
    rulings.proposal(rules).cloned().ok_or_else(unknown)
}

/// What is proposed with a hash: its files, and what is otherwise than in what decides.
pub(super) async fn look_at(service: &Service, rules: &str) -> Result<Value, Problem> {
    let keeper = service.keeper()?;
    let rulings = service.rulings().await?;
    let proposal = proposed(&rulings, rules)?;
    let prepared = kept(&keeper, &proposal.rules).await?;
    let diff = service.diff(&rulings, &prepared).await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let files: BTreeMap<&str, String> =
        prepared.bundle.files().map(|(path, bytes)| (path, text(bytes))).collect();
    let mut said = told(service, &keeper, &proposal);
    said["file"] = prepared.bundle.rules().into();
    said["files"] = json!(files);
    said["diff"] = json!(diff);
    Ok(said)
}

async fn kept(keeper: &Keeper, rules: &str) -> Result<Prepared, Problem> {
    let (keeper, rules) = (keeper.clone(), rules.to_owned());
    beside(move || checked::prepared(&keeper, &rules)).await
}

/// Proposes a rule set: checked, kept and put down. Whoever calls it is the one that sends.
pub(super) async fn propose(
    service: &Service,
    by: &str,
    Sent { file, files }: Sent,
) -> Result<Value, Problem> {
    let keeper = service.keeper()?;
    let (tokens, declared) =
        (service.readers().and_then(|readers| readers.tokens().cloned()), service.settings.declared);
    let keeps = keeper.clone();
    let checked = move || {
        let (bundle, problems) = checked::sent(file, files)?;
        Ok((checked::ready(bundle, &keeps, tokens.as_ref(), &declared)?, problems))
    };
    let (prepared, problems) = beside(checked).await?;
    let rulings = service.rulings().await?;
    has_room(&rulings, &prepared.rules)?;
    let diff = service.diff(&rulings, &prepared).await?;
    let prepared = service.keep(keeper.clone(), prepared).await?;
    let (rules, name) = (prepared.rules.clone(), prepared.loaded.rules.name.clone());
    let proposer = by.to_owned();
    let put = move |desk: &mut Desk| {
        // Others may have been approved meanwhile.
        has_room(desk.recorded.rulings(), &prepared.rules)?;
        desk.put_down(|recorded| recorded.propose(&prepared, &proposer)).map_err(unfit)
    };
    service.ruled(put).await?;
    tracing::info!(hash = rules, name, by, "a rule set is proposed");
    let mut said = told(service, &keeper, &proposed(&service.rulings().await?, &rules)?);
    said["diff"] = json!(diff);
    said["problems"] = problems.into();
    Ok(said)
}

/// Takes an approval of a proposal.
pub(super) async fn approve(service: &Service, rules: &str, signed: Signed) -> Result<Value, Problem> {
    let _turn = service.rules.turn.lock().await;
    let keeper = service.keeper()?;
    let proposal = proposed(&service.rulings().await?, rules)?;
    let refused =
        |why: &str| Problem::new(StatusCode::FORBIDDEN, "approval", "The approval does not count", why);
    let signature = unhex::<64>(signed.signature.as_bytes());
    let signature = signature.ok_or_else(|| refused("`signature` must be 128 hexadecimal digits"))?;
    let approvals = &service.settings.approvals;
    let approval = approvals.check(&signed.approver, &signature, (&keeper.id(), rules)).map_err(refused)?;
    if proposal.by.contains(&approval.caller) {
        return Err(refused("whoever proposes a rule set does not approve it"));
    }
    let by = approval.by.clone();
    if proposal.approvals.iter().all(|held| *held != approval) {
        let hash = proposal.rules.clone();
        let put = move |recorded: &mut Recorded| recorded.approve(&hash, approval);
        service.ruled(move |desk| desk.put_down(put).map_err(unfit)).await?;
        tracing::info!(hash = proposal.rules, by, "a rule set is approved");
    }
    Ok(told(service, &keeper, &proposed(&service.rulings().await?, rules)?))
}

/// Whose approvals of a proposal count by these rulings; fails where too few do.
fn approved_by(
    service: &Service,
    keeper: &Keeper,
    rulings: &Rulings,
    rules: &str,
) -> Result<Vec<String>, Problem> {
    let proposal = proposed(rulings, rules)?;
    let Approvals { required, .. } = service.settings.approvals;
    let counted = service.settings.approvals.counted(&proposal, &keeper.id());
    if counted.len() < required {
        let detail = format!("{} of {required} approvals are there", counted.len());
        return Err(conflict("approvals", "Approvals are lacking", detail)
            .with("proposal", told(service, keeper, &proposal)));
    }
    Ok(counted.into_iter().map(str::to_owned).collect())
}

/// Takes a proposed rule set up, where it has the approvals.
pub(super) async fn activate(service: &Service, by: &str, rules: &str, how: How) -> Result<Value, Problem> {
    let _turn = service.rules.turn.lock().await;
    let keeper = service.keeper()?;
    let rulings = service.rulings().await?;
    is_from(&rulings, how.from.as_deref())?;
    let approved_by = approved_by(service, &keeper, &rulings, rules)?;
    let activation = Activation { by: by.to_owned(), approved_by, warm: how.warm, back: false };
    take_up(service, &rulings, kept(&keeper, rules).await?, activation).await
}

/// The hash of what decided before.
fn before(rulings: &Rulings) -> Result<String, Problem> {
    let none = || {
        let detail = "no other rule set decided before; DELETE /v1/rules/warming cancels a warm-up";
        conflict("rollback", "There is nothing to go back to", detail)
    };
    let before = rulings.before().ok_or_else(none)?;
    let unknown = || {
        let rule_set = &before.rule_set;
        let detail = format!("no record says with which files {rule_set} decided before; propose it again");
        conflict("rollback", "What decided before is not known", detail)
    };
    said(&before.rules).map(str::to_owned).ok_or_else(unknown)
}

/// Takes the rule set up again that decided before.
pub(super) async fn roll_back(service: &Service, by: &str, how: How) -> Result<Value, Problem> {
    let keeper = service.keeper()?;
    let How { warm, from } = how;
    let activation = Activation { by: by.to_owned(), approved_by: Vec::new(), warm, back: true };
    let by = by.to_owned();
    let begin = move |desk: &mut Desk| {
        let rulings = desk.recorded.rulings().clone();
        is_from(&rulings, from.as_deref())?;
        let rules = before(&rulings)?;
        // Its files are read next, which may take long: what is gone back from is not to take over meanwhile.
        desk.cancel_warming(&by, "rolled back").map_err(unready)?;
        Ok::<_, Problem>((rulings, rules))
    };
    // Before it is its turn: of two who go back at once, one is told that something else decides.
    let (rulings, rules) = service.order(begin).await.ok_or_else(ended)??;
    let _back = service.rules.back.lock().await;
    take_up(service, &rulings, kept(&keeper, &rules).await?, activation).await
}

/// Cancels the warm-up that is on. It waits for nobody's turn: what is warmed would decide meanwhile.
pub(super) async fn cancel_warming(service: &Service, by: &str) -> Result<Value, Problem> {
    service.keeper()?;
    let by = by.to_owned();
    let cancel = move |desk: &mut Desk| desk.cancel_warming(&by, "cancelled it");
    let cancelled = service.order(cancel).await.ok_or_else(ended)?.map_err(unready)?;
    if let Some(number) = cancelled {
        service.on_disk(number).await?;
    }
    Ok(json!({"cancelled": cancelled.is_some()}))
}

/// Takes a rule set up that may be, in place of what decides by these rulings.
async fn take_up(
    service: &Service,
    rulings: &Rulings,
    prepared: Prepared,
    mut activation: Activation,
) -> Result<Value, Problem> {
    if live(rulings) == Some(&*prepared.rules) {
        return Err(conflict("decides", "It decides already", "nothing is to be taken up"));
    }
    // What is declared may be another since it was proposed.
    checked::answers(&service.settings.declared, &prepared.loaded)?;
    let diff = service.diff(rulings, &prepared).await?;
    let (hash, rule_set) = (prepared.rules.clone(), prepared.loaded.rules.hash_text());
    let (name, Activation { by, back, .. }) = (prepared.loaded.rules.name.clone(), activation.clone());
    let compared = rulings.live().cloned();
    let take_up = move |desk: &mut Desk| {
        let now = desk.recorded.rulings();
        if now.live() != compared.as_ref() {
            return Err(changed(now));
        }
        if !activation.approved_by.is_empty() {
            // Who approved it may have proposed it, too, while it was read and compared.
            let keeper = desk.recorded.keeper();
            activation.approved_by = approved_by(&desk.service, &keeper, now, &prepared.rules)?;
        }
        let not_taken = |why: String| conflict("not-taken-up", "The rule set is not taken up", why);
        desk.take_up(prepared, activation).map_err(not_taken)
    };
    let TakenUp { number, pause, begins, decides } = service.order(take_up).await.ok_or_else(ended)??;
    let pause_us = pause.as_micros() as u64;
    let changes = diff.as_ref().map_or_else(String::new, Diff::in_a_line);
    if decides {
        let begins = begins.join(", ");
        tracing::info!(hash, rule_set, name, by, back, pause_us, begins, changes, "a rule set was taken up");
    } else {
        tracing::info!(
            hash,
            rule_set,
            name,
            by,
            back,
            changes,
            "a rule set is being warmed, and takes over by itself"
        );
    }
    service.on_disk(number).await?;
    let mut said = json!({
        "hash": hash, "rule_set": rule_set, "name": name, "decides": decides, "warming": !decides, "diff": diff,
    });
    if decides {
        said["since_us"] = now_us().into();
        said["begins"] = begins.into();
        said["pause_us"] = pause_us.into();
    }
    Ok(said)
}

/// Lets a proposed rule set decide beside.
pub(super) async fn shadow(service: &Service, by: &str, rules: &str) -> Result<Value, Problem> {
    let _turn = service.rules.turn.lock().await;
    let keeper = service.keeper()?;
    proposed(&service.rulings().await?, rules)?;
    let (prepared, by) = (kept(&keeper, rules).await?, by.to_owned());
    let loaded = service.order(move |desk| desk.load_shadow(prepared, by)).await.ok_or_else(ended)?;
    loaded.map_err(unfit)?;
    tracing::info!(hash = rules, "a rule set decides beside");
    Ok(service.known().await?.shadow)
}

/// Takes the rule set out that decides beside.
pub(super) async fn drop_shadow(service: &Service) -> Result<Value, Problem> {
    let _turn = service.rules.turn.lock().await;
    service.keeper()?;
    let there = service.order(Desk::drop_shadow).await.ok_or_else(ended)?;
    Ok(json!({"dropped": there}))
}
