//! A rule file that is followed, for development: whatever it says is taken up soon after it was written.
//!
//! Promises that what has errors is told and changes nothing. Asks nobody: the configuration refuses it where approvals are
//! asked for.

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
        loop {
            tokio::time::sleep(EACH).await;
            if service.stage() != Stage::Ready {
                continue;
            }
            let Some(mut looking) = files.take() else { return };
            let looked = tokio::task::spawn_blocking(move || (looking.look(), looking)).await;
            let Ok((found, looked)) = looked else { return };
            files = Some(looked);
            let done = match found {
                None => continue,
                Some(Ok(bundle)) => take(&service, bundle).await.map_err(|problem| problem.detail()),
                Some(Err(error)) => Err(error.to_string()),
            };
            if let Err(why) = done {
                let why = checked::in_a_line(&why);
                tracing::warn!(why, "the rule file that is followed is not taken up; what decided goes on");
            }
        }
    }))
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
