//! Many transactions at a time: each has an answer of its own, and those without one are sent again.

use hyper::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::answer::unreadable;
use super::retry::{Backoff, is_for_now};
use super::{Body, Client, ClientError, Decision, Problem, Trouble};

#[derive(Deserialize)]
struct Answers<'a> {
    #[serde(borrow)]
    answers: Vec<&'a RawValue>,
}

impl Client {
    /// The decisions on many transactions, in their order; at most `bounds.batch_events_max` of them. Those that are shed are
    /// sent again until the deadline, without the others.
    ///
    /// # Errors
    ///
    /// Where the batch as a whole has no answer; each transaction's own errors are those of [`Client::decide`].
    pub async fn decide_batch<'a, B: Into<Body<'a>>>(
        &self,
        transactions: impl IntoIterator<Item = B>,
    ) -> Result<Vec<Result<Decision, ClientError>>, ClientError> {
        let bodies: Vec<Body<'_>> = transactions.into_iter().map(Into::into).collect();
        let until = Instant::now() + self.deadline;
        let mut backoff = Backoff::default();
        let mut done: Vec<Option<Result<Decision, ClientError>>> = bodies.iter().map(|_| None).collect();
        let mut open: Vec<usize> = (0..bodies.len()).collect();
        while !open.is_empty() {
            let body = array(open.iter().filter_map(|&at| bodies.get(at))).into();
            let came =
                self.call_until(&Method::POST, "/v1/decisions:batch", &body, until, &mut backoff).await;
            let came = match came {
                Ok(came) => came,
                // What some were told before stays said.
                Err(error) if open.len() < bodies.len() => {
                    open.iter().for_each(|&at| done[at] = Some(Err(error.clone())));
                    break;
                }
                Err(error) => return Err(error),
            };
            let said: Answers<'_> = serde_json::from_slice(&came).map_err(|error| unreadable(&error))?;
            if said.answers.len() != open.len() {
                let what = format!("{} answers to {} transactions", said.answers.len(), open.len());
                return Err(ClientError::Unreadable(what));
            }
            for (&at, answer) in open.iter().zip(said.answers) {
                done[at] = Some(read(answer.get().as_bytes(), backoff.tries() + 1));
            }
            open.retain(|&at| matches!(done[at], Some(Err(ClientError::Unanswered { .. }))));
            let pause = backoff.next(None);
            if open.is_empty() || Instant::now() + pause >= until {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        Ok(done.into_iter().flatten().collect())
    }
}

/// One answer of a batch.
fn read(answer: &[u8], tries: u32) -> Result<Decision, ClientError> {
    #[derive(Deserialize)]
    struct Status {
        status: Option<u16>,
    }
    let status: Status = serde_json::from_slice(answer).map_err(|error| unreadable(&error))?;
    let Some(status) = status.status else { return Decision::read(answer.to_vec()) };
    let problem = Problem::read(status, answer);
    if is_for_now(status) {
        return Err(ClientError::Unanswered { tries, last: Trouble::Problem(problem) });
    }
    Err(ClientError::Refused(problem))
}

fn array<'a>(bodies: impl Iterator<Item = &'a Body<'a>>) -> Vec<u8> {
    let mut array = b"[".to_vec();
    for (at, body) in bodies.enumerate() {
        if at > 0 {
            array.push(b',');
        }
        body.write(&mut array);
    }
    array.push(b']');
    array
}
