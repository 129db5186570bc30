"""Polars: one lazy query from the file to the decisions, and one over those for the figures."""

import os

os.environ["POLARS_MAX_THREADS"] = os.environ.get("THREADS", "2")

import asked
import polars
from polars import col

payments, decisions, figures = asked.files()

read = polars.scan_parquet(payments).with_row_index("row")
tie = col("row").cum_count().over("customer", "time_us")
moment = (col("time_us") * (2 * asked.PLACES) + tie.cast(polars.Int64)).alias("moment")


def window(days):
    """How long a window is, in the unit of a moment."""
    return f"{(2 * days * asked.DAY_US - 1) * asked.PLACES + 1}i"


features = [
    column.over("customer")
    for days in asked.DAYS
    for column in [
        col("one").rolling_sum_by("moment", window(days)).alias(f"customer_count_{days}d"),
        col("amount_minor").rolling_mean_by("moment", window(days)).alias(f"customer_mean_{days}d"),
    ]
]
fired = [polars.sql_expr(when).fill_null(False).alias(rule) for rule, (when, _) in asked.RULES.items()]
score = polars.sum_horizontal(
    polars.when(col(rule)).then(points).otherwise(0) for rule, (_, points) in asked.RULES.items()
).alias("score")
outcome = (
    polars.when(col("score") >= asked.BLOCK_AT)
    .then(polars.lit("block"))
    .when(col("score") >= asked.STEP_UP_AT)
    .then(polars.lit("step_up"))
    .otherwise(polars.lit("allow"))
    .alias("outcome")
)
rules = polars.concat_list(
    polars.when(col(rule)).then(polars.lit(rule)) for rule in asked.RULES
).list.drop_nulls().alias("rules")
decided = (
    read.with_columns(moment, one=polars.lit(1, polars.Int64))
    .with_columns(features)
    .with_columns(fired)
    .with_columns(score)
    .with_columns(outcome, rules, time=col("time_us").cast(polars.Datetime("us")))
    .select(
        ["row", "id", "time", "customer", "amount_minor", "outcome", "score", "rules", "label"]
        + [f"customer_{what}_{days}d" for days in asked.DAYS for what in ["count", "mean"]]
    )
)
decided.collect().write_parquet(decisions, compression="zstd")

flagged = {"overall": col("outcome") != "allow"} | {rule: col("rules").list.contains(rule) for rule in asked.RULES}
is_fraud = col("label") == "fraud"
row = (
    polars.scan_parquet(decisions)
    .select(
        payments=polars.len(),
        frauds=is_fraud.sum(),
        **{f"{name} flagged": when.sum() for name, when in flagged.items()},
        **{f"{name} frauds": (when & is_fraud).sum() for name, when in flagged.items()},
    )
    .collect()
    .row(0, named=True)
)
frauds = row["frauds"]
asked.tell(
    figures,
    {
        "version": polars.__version__,
        "payments": row["payments"],
        "frauds": frauds,
        "of": {
            name: {
                "flagged": row[f"{name} flagged"],
                "frauds": row[f"{name} frauds"],
                "precision": row[f"{name} frauds"] / row[f"{name} flagged"] if row[f"{name} flagged"] else None,
                "recall": row[f"{name} frauds"] / frauds if frauds else None,
            }
            for name in flagged
        },
    },
)
