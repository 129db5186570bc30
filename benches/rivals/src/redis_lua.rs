//! A Lua script per payment, on sorted sets and hashes: each payment is put into its logs once, running sums lose only what left
//! their window since, and what few rules ask for is read for the payments that they can fire on. What is in a window goes with it,
//! by an expiry too; what the pack looks back on for ever (who was paid, from which device, when last) stays.
//!
//! What is not weir's: nothing is on disk; a repeat is decided again; an answer to a step-up, an execution, a reversal and a label
//! are not taken, nor are tenants and currencies; what comes late counts, but what was read before is not put right, and it is read
//! with what came since. Keys of an account, its payee and its device are in one script, so one Redis has all: a cluster can't.
//!
//! Lua and Redis have doubles alone. Times (16 digits) and sums up to 2^53 dong are exact. Deviations are exact where an account has
//! at most 1,448 allowed payments of less than 2^31 dong in 30 days; beyond that what is near a bound may fall on its other side.

use std::borrow::Cow;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, Script};

use crate::payment::{Decided, Payment};

const DECIDE: &str = concat!(include_str!("lua/common.lua"), include_str!("lua/decide.lua"));
const TELL: &str = concat!(include_str!("lua/common.lua"), include_str!("lua/tell.lua"));
/// As long as the sidecar may take beside it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An event that nobody decides on. An empty text is absent.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Told {
    kind: String,
    id: String,
    time_us: i64,
    #[serde(default)]
    customer: String,
    #[serde(default)]
    result: String,
    #[serde(default)]
    what: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    payee: String,
    #[serde(default)]
    amount_minor: i64,
}

/// A connection, and the scripts that are called over it.
pub(crate) struct RedisLua {
    connection: MultiplexedConnection,
    decide: Script,
    tell: Script,
}

impl RedisLua {
    /// Connects to a Redis at `HOST:PORT`, and has it compile the scripts.
    ///
    /// # Errors
    ///
    /// Where there is none, or it does not take them.
    pub(crate) async fn open(address: &str) -> anyhow::Result<Self> {
        let nodelay = TcpSettings::default().set_nodelay(true);
        let server = format!("redis://{address}/").into_connection_info()?.set_tcp_settings(nodelay);
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(TIMEOUT));
        let mut connection = Client::open(server)?
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .with_context(|| format!("no Redis at {address}; start one with `redis-server --port PORT`"))?;
        let (decide, tell) = (Script::new(DECIDE), Script::new(TELL));
        decide.load_async(&mut connection).await.context("the script that decides")?;
        tell.load_async(&mut connection).await.context("the script that files events")?;
        Ok(Self { connection, decide, tell })
    }

    /// One EVALSHA.
    pub(crate) async fn decide(&self, payment: &Payment<'_>) -> anyhow::Result<Decided> {
        let mut call = self.decide.prepare_invoke();
        call.arg(&*payment.id).arg(payment.time_us).arg(payment.amount_minor).arg(&*payment.account);
        call.arg(&*payment.payee).arg(&*payment.device).arg(&*payment.customer).arg(&*payment.instrument);
        let answer: (String, i64, bool, Vec<String>) =
            call.invoke_async(&mut self.connection.clone()).await?;
        let (outcome, score, alert, rules) = answer;
        Ok(Decided { outcome: Cow::Owned(outcome), score, alert, rules })
    }

    /// Files a login, a change, or money that nobody asked about and that came in from outside.
    ///
    /// # Errors
    ///
    /// For any other event.
    pub(crate) async fn tell(&self, told: &Told) -> anyhow::Result<()> {
        ensure!(told.account.is_empty(), "`{}`: observed money of an account here is not taken", told.id);
        let what = match told.kind.as_str() {
            "login" => &told.result,
            "change" => &told.what,
            "observed" => "",
            kind => {
                bail!("`{}` is a {kind}; only transactions, logins, changes and observed are taken", told.id)
            }
        };
        let mut call = self.tell.prepare_invoke();
        call.arg(&told.kind).arg(&told.customer).arg(what).arg(&told.id);
        call.arg(told.time_us).arg(&told.payee).arg(told.amount_minor);
        Ok(call.invoke_async(&mut self.connection.clone()).await?)
    }

    /// Whether it holds nothing yet.
    pub(crate) async fn is_empty(&self) -> anyhow::Result<bool> {
        let keys: u64 = redis::cmd("DBSIZE").query_async(&mut self.connection.clone()).await?;
        Ok(keys == 0)
    }
}
