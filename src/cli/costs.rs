//! What bothering people costs, as commands take it that weigh it against fraud.

use anyhow::Context;
use weir::backtest::sweep::result::Costs;
use weir::money::{Currency, Decimals, parse_major};

/// Costs beside the value of payments.
#[derive(clap::Args)]
pub(super) struct CostFlags {
    /// What a payment that is stepped up costs, in the rule set's currency
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    cost_per_step_up: String,
    /// What a payment that a person should look at costs
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    cost_per_alert: String,
    /// What a genuine payment that is blocked costs, beside its value
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    cost_per_block: String,
}

impl CostFlags {
    /// The amounts, as the rule file writes them.
    pub(super) fn read(&self, currency: Currency) -> anyhow::Result<Costs> {
        let minor = |flag: &str, text: &str| {
            let minor = parse_major(&text.replace('_', ""), currency, Decimals::Exact);
            let minor = minor.ok().filter(|minor| *minor >= 0);
            minor.map(|minor| minor as f64).with_context(|| {
                format!(
                    "--{flag} is no amount in {}: `{text}`; write it as the rule file does",
                    currency.code()
                )
            })
        };
        Ok(Costs {
            step_up_minor: minor("cost-per-step-up", &self.cost_per_step_up)?,
            alert_minor: minor("cost-per-alert", &self.cost_per_alert)?,
            block_minor: minor("cost-per-block", &self.cost_per_block)?,
        })
    }
}
