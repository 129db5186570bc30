//! Bodies to events: read, stamped, and with tokens in place of identifiers.
//!
//! Promises that what leaves here has its kind, its time of receipt and, where there is a key, no identifier; and that no
//! message about a body shows a value of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use thiserror::Error;

use super::spare::{Spare, Spares};
use super::ticket::Ticket;
use crate::decision::Demand;
use crate::engine::Floor;
use crate::event::{Event, EventError, Kind, TextField};
use crate::io::{Door, LineReader, Reason, write_event};
use crate::rules::RuleSet;
use crate::tokens::Tokens;

/// An event as the engine and the journal get it.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) event: Event,
    /// The line that says it, without its end.
    pub(super) line: Vec<u8>,
}

impl Spare for Taken {
    fn bytes(&self) -> usize {
        // The event holds no text that the line does not.
        2 * self.line.capacity()
    }
}

/// What the way in knows of an event beside its body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Given<'a> {
    /// Its kind; the body may leave it out.
    pub(super) kind: Option<Kind>,
    /// The payment that it is about; the body may leave it out.
    pub(super) transaction: Option<&'a str>,
    /// Whose it is; the body may leave it out.
    pub(super) tenant: Option<&'a str>,
    /// When it was received.
    pub(super) received_us: i64,
    /// Whether its sender may say what holds for all tenants, as control events do.
    pub(super) controls: bool,
}

/// What becomes of fields that events don't have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownFields {
    /// The body is refused.
    #[default]
    Refuse,
    /// They are left out: they are in no record, and tell no two events of one id apart.
    Keep,
}

/// Why a body is no event.
#[derive(Debug, Error)]
pub(super) enum BadBody {
    #[error(transparent)]
    Reason(#[from] Reason),
    /// A field that says other than what is known.
    #[error("`{0}` is not what the request says; leave it out of the body")]
    Other(&'static str),
    /// The event of another tenant than the sender's.
    #[error("`tenant` is not the one that the sender may send events of; leave it out of the body")]
    OtherTenant,
    /// The gateway has an answer already.
    #[error("`answered` is for events that are sent again from a file; leave it out")]
    Answered,
    /// It would take up rules without the approvals that they need.
    #[error("rule sets and rates need approvals here, so no event takes them up; propose them at /v1/rules")]
    Approvals,
    /// It holds for all tenants, and its sender may not say that.
    #[error("a control event needs the scope `rules` or `admin`, and a caller that is bound to no tenant")]
    Control,
    /// It is sent in another way, over HTTP or in a frame.
    #[error("a transaction is asked about: send it to /v1/decisions, or as a `decide` frame")]
    Transaction,
    /// The same.
    #[error(
        "an authentication answers a step-up: send it to /v1/decisions/{{id}}/authentication, or as an `authenticate` frame"
    )]
    Authentication,
}

impl From<EventError> for BadBody {
    fn from(error: EventError) -> Self {
        Self::Reason(error.into())
    }
}

/// Reads bodies for one rule set; what one needs is used again.
pub(super) struct Readers {
    rules: Arc<RuleSet>,
    tokens: Option<Tokens>,
    unknown_fields: UnknownFields,
    idle: Mutex<Vec<Reader>>,
    idle_floors: Mutex<Vec<Floor>>,
    taken: Spares<Taken>,
    tickets: Spares<Ticket>,
}

struct Reader {
    lines: LineReader,
    door: Option<Door>,
    /// Reads what was written, where that says less than the body did.
    again: LineReader,
    /// What was written.
    line: Vec<u8>,
}

impl Readers {
    pub(super) fn new(rules: Arc<RuleSet>, tokens: Option<Tokens>, unknown_fields: UnknownFields) -> Self {
        let (idle, idle_floors, taken, tickets) = Default::default();
        Self { rules, tokens, unknown_fields, idle, idle_floors, taken, tickets }
    }

    fn lines(&self) -> LineReader {
        let lines = LineReader::new(Arc::clone(&self.rules.schema)).refusing_secrets();
        match self.unknown_fields {
            UnknownFields::Refuse => lines,
            UnknownFields::Keep => lines.keep_unknown(),
        }
    }

    /// The event that a body says, with what is known beside it.
    pub(super) fn read(&self, body: &[u8], given: Given<'_>) -> Result<Arc<Taken>, BadBody> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut reader = idle.unwrap_or_else(|| Reader {
            lines: self.lines(),
            door: self.tokens.clone().map(|tokens| Door::new(tokens, &self.rules)),
            again: LineReader::new(Arc::clone(&self.rules.schema)),
            line: Vec::new(),
        });
        let taken = reader.read(body, given, &self.rules).map(|(event, line)| {
            let renew = |taken: &mut Taken| {
                taken.event.become_as(event);
                taken.line.clear();
                taken.line.extend_from_slice(line);
            };
            self.taken.take(renew, || Taken { event: event.clone(), line: line.to_vec() })
        });
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        taken.map_err(|error| match error {
            BadBody::Reason(reason) => BadBody::Reason(reason.without_values()),
            other => other,
        })
    }

    /// A ticket for an event that was read then.
    pub(super) fn ticket(&self, came: Instant) -> Arc<Ticket> {
        self.tickets.take(|ticket| ticket.renew(came), || Ticket::new(came))
    }

    /// An event is done with, and its ticket where no other event has that too: they are used again once nobody holds them.
    pub(super) fn keep(&self, taken: &Arc<Taken>, ticket: Option<&Arc<Ticket>>) {
        self.taken.keep(taken);
        if let Some(ticket) = ticket {
            self.tickets.keep(ticket);
        }
    }

    /// What identifiers become.
    pub(super) fn tokens(&self) -> Option<&Tokens> {
        self.tokens.as_ref()
    }

    /// The rule set.
    pub(super) fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// What an event requires by its own fields.
    pub(super) fn floor(&self, event: &Event) -> Demand {
        let idle = self.idle_floors.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut floor = idle.unwrap_or_else(|| Floor::new(Arc::clone(&self.rules)));
        let demand = floor.of(event);
        self.idle_floors.lock().unwrap_or_else(PoisonError::into_inner).push(floor);
        demand
    }

    /// The same of an event that the sidecar wrote itself, with what it was answered meanwhile.
    pub(super) fn answered(&self, taken: &Taken, outcome: &'static str) -> Result<Taken, BadBody> {
        let mut lines = LineReader::new(Arc::clone(&self.rules.schema));
        let draft = lines.read_as(taken.event.kind(), &taken.line)?;
        draft.text(TextField::Answered, outcome)?;
        let event = draft.seal()?.clone();
        let mut line = Vec::new();
        write_line(&event, &mut line);
        Ok(Taken { event, line })
    }
}

/// Writes the line that says an event, without its end, to a buffer of its own.
fn write_line(event: &Event, line: &mut Vec<u8>) {
    line.clear();
    // A buffer takes all that is written to it.
    let _ = write_event(event, line);
    line.pop();
}

/// What reads bodies, for whoever looks for some that break something.
#[doc(hidden)]
pub struct Bodies(Readers);

impl Bodies {
    /// See [`Settings`](super::Settings).
    pub fn new(rules: Arc<RuleSet>, tokens: Option<Tokens>, unknown_fields: UnknownFields) -> Self {
        Self(Readers::new(rules, tokens, unknown_fields))
    }

    /// The event that a body says and the line that says it, or what its sender is told.
    pub fn read(
        &self,
        body: &[u8],
        kind: Option<Kind>,
        received_us: i64,
    ) -> Result<(Event, Vec<u8>), String> {
        let given = Given { kind, received_us, ..Given::default() };
        self.0
            .read(body, given)
            .map(|taken| (taken.event.clone(), taken.line.clone()))
            .map_err(|bad| bad.to_string())
    }
}

impl Reader {
    /// The event, and the line that says it.
    fn read(&mut self, body: &[u8], given: Given<'_>, rules: &RuleSet) -> Result<(&Event, &[u8]), BadBody> {
        let draft = match given.kind {
            Some(kind) => self.lines.read_as(kind, body)?,
            None => self.lines.read_any(body)?,
        };
        for (field, known) in [(TextField::Transaction, given.transaction), (TextField::Tenant, given.tenant)]
        {
            let Some(known) = known else { continue };
            match draft.peek(field) {
                Some(said) if said != known && field == TextField::Tenant => {
                    return Err(BadBody::OtherTenant);
                }
                Some(said) if said != known => return Err(BadBody::Other(field.name())),
                Some(_) => {}
                None => draft.text(field, known)?,
            }
        }
        if draft.peek(TextField::Answered).is_some() {
            return Err(BadBody::Answered);
        }
        draft.received_us(given.received_us)?;
        let event = draft.seal()?;
        match &mut self.door {
            Some(door) => door.take(event, rules).map_err(|_| BadBody::Other("account")),
            None => {
                write_line(event, &mut self.line);
                // The event is what its record says: fields that no rule file declares are in none, and tell no two apart.
                Ok((self.again.read(&self.line)?, &self.line))
            }
        }
    }
}
