//! Zones that a select would forget: a text that becomes a timestamp without one is told in UTC if it says an offset, and as it
//! stands if it says none.
//!
//! Promises that no time is off by hours because some rows say their offset.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan, TryCast};

use super::manifest::Manifest;

/// What of a select forgets zones, where the data set's is not UTC; and what to write.
pub(super) fn forgets(plan: &LogicalPlan, manifest: &Manifest) -> Result<Option<String>> {
    if ["UTC", "Etc/UTC"].contains(&manifest.time_zone.as_str()) {
        return Ok(None);
    }
    let mut found = None;
    plan.apply_with_subqueries(|plan| {
        let columns = merge_schema(&plan.inputs());
        plan.apply_expressions(|expr| {
            expr.apply(|expr| {
                // What the select itself writes (`timestamp '2018-04-01'`) says what was meant.
                let is_text = |expr: &Expr| {
                    !matches!(expr, Expr::Literal(..)) && expr.get_type(&columns).is_ok_and(|ty| ty.is_string())
                };
                let forgets = match expr {
                    Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
                        matches!(field.data_type(), DataType::Timestamp(_, None)) && is_text(expr)
                    }
                    Expr::ScalarFunction(function) => {
                        function.name().starts_with("to_timestamp") && function.args.first().is_some_and(is_text)
                    }
                    _ => false,
                };
                if forgets {
                    found = Some(format!(
                        "`{expr}` forgets the zone that a text may say; a time may stay text (`COLUMN as time`), or write `cast(COLUMN as timestamptz)`"
                    ));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}
