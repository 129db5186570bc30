//! A rule file that is followed, for development: whatever it says is taken up soon after it was written.
//!
//! Promises that what has errors is told and changes nothing, that what is written during a warm-up is taken up behind it, and
//! that what failed for a reason of this process or its disk is tried again. Asks nobody: the configuration refuses it where
//! approvals are asked for.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::super::http::Problem;
use super::super::service::{Service, Stage};
use super::{Activation, beside, checked, live, take_up};
use crate::io::{Bundle, Followed};

/// How often the files are looked at.
const EACH: Duration = Duration::from_secs(1);

/// Follows the file that the settings name, if they do, until it is told to end.
pub(in super::super) fn follow(service: &Arc<Service>) -> Option<JoinHandle<()>> {
    let path = service.settings.follow.clone()?;
    let service = Arc::clone(service);
    Some(tokio::spawn(async move {
        let mut files = Some(Followed::new(path));
        let mut tried = None;
        loop {
            tokio::time::sleep(EACH).await;
            if service.stage() != Stage::Ready || is_warming(&service).await {
                continue;
            }
            let Some(mut looking) = files.take() else { return };
            let looked = tokio::task::spawn_blocking(move || (looking.look(), looking)).await;
            let Ok((found, looked)) = looked else { return };
            let files = files.insert(looked);
            let why = match found {
                None => continue,
                Some(Ok(bundle)) => match take(&service, bundle).await {
                    Ok(()) => {
                        tried = None;
                        continue;
                    }
                    // Another one was taken up, or begun to be warmed, while the files were being checked.
                    Err(problem) if problem.word() == "changed" || is_warming(&service).await => {
                        files.forget();
                        continue;
                    }
                    Err(problem) => {
                        let why = problem.detail();
                        if problem.status().is_server_error() {
                            files.forget();
                            // It is tried again each second, and told once.
                            if tried.replace(why.clone()).as_ref() == Some(&why) {
                                continue;
                            }
                        }
                        why
                    }
                },
                Some(Err(error)) => error.to_string(),
            };
            let why = checked::in_a_line(&why);
            tracing::warn!(why, "the rule file that is followed is not taken up; what decided goes on");
        }
    }))
}

/// Whether a rule set is being warmed: no other one is taken up meanwhile.
async fn is_warming(service: &Service) -> bool {
    service.order(|desk| desk.recorded.warms().is_some()).await.unwrap_or(false)
}

/// Takes up what the files say, unless that decides already.
async fn take(service: &Service, bundle: Bundle) -> Result<(), Problem> {
    let _sending = service.rules.sending.lock().await;
    let keeper = service.keeper()?;
    let tokens = service.readers().and_then(|readers| readers.tokens().cloned());
    let declared = service.settings.declared;
    let keeps = keeper.clone();
    let prepared = beside(move || checked::ready(bundle, &keeps, tokens.as_ref(), &declared)).await?;
    let rulings = service.rulings().await?;
    if live(&rulings) == Some(&*prepared.rules) {
        return Ok(());
    }
    let prepared = service.keep(keeper, prepared).await?;
    let _turn = service.rules.turn.lock().await;
    let activation = Activation { by: "the file that is followed".to_owned(), ..Activation::default() };
    take_up(service, &rulings, prepared, activation).await.map(drop)
}
