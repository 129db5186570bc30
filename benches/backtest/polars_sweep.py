"""Polars: a grid of thresholds over features that were computed before, one expression for each combination."""

import json
import os
import sys

os.environ["POLARS_MAX_THREADS"] = os.environ.get("THREADS", "2")

import asked
import polars
from polars import col

decisions, sweep, figures = sys.argv[1:4]
swept = json.load(open(sweep))
split_us, from_us = swept["measured"]["split_us"], swept["measured"]["from_us"]
combinations = [
    {param["name"]: float(param["values"][at]) for param, at in zip(swept["params"], combination["values"])}
    for combination in swept["combinations"]
]

time_us = col("time").dt.epoch("us")
is_fraud = col("label") == "fraud"
rows = (
    polars.scan_parquet(decisions)
    .filter(time_us >= from_us)
    .select(
        "amount_minor",
        *[f"customer_{what}_{days}d" for days in asked.DAYS for what in ["count", "mean"]],
        is_fraud=is_fraud,
        tuning=time_us < split_us,
    )
    .collect()
)


def outcome(values):
    """The score that the rules come to with these values."""
    fired = {
        "compromised_terminal": col("amount_minor") > 100 * values["compromised"],
        "above_usual": (col("customer_count_30d") >= 10) & (col("amount_minor") > values["much_more"] * col("customer_mean_30d")),
        "sudden_spending": col("customer_mean_1d") > values["much_more"] * col("customer_mean_7d"),
        "busy": (col("customer_count_1d") > values["busy_day"]) | (col("customer_count_7d") > values["busy_week"]),
    }
    return polars.sum_horizontal(polars.when(fired[rule].fill_null(False)).then(asked.RULES[rule][1]).otherwise(0) for rule in fired)


found = []
for first in range(0, len(combinations), 50):
    expressions = []
    for at, values in enumerate(combinations[first : first + 50]):
        score = outcome(values)
        step_up, block = score >= asked.STEP_UP_AT, score >= asked.BLOCK_AT
        held = polars.when(block).then(1.0).when(step_up).then(0.8).otherwise(0.0)
        for side, here in [("tuning", col("tuning")), ("held_out", ~col("tuning"))]:
            expressions += [
                (here & step_up).sum().alias(f"{at} {side} flagged"),
                (here & step_up & col("is_fraud")).sum().alias(f"{at} {side} frauds"),
                polars.when(here & col("is_fraud")).then(held * col("amount_minor")).otherwise(0.0).sum().alias(f"{at} {side} value_caught_minor"),
            ]
    row = rows.lazy().select(expressions).collect().row(0, named=True)
    for at, values in enumerate(combinations[first : first + 50]):
        figure = lambda side: {what: row[f"{at} {side} {what}"] for what in ["flagged", "frauds", "value_caught_minor"]}
        found.append({"values": values, "tuning": figure("tuning"), "held_out": figure("held_out")})

json.dump({"version": polars.__version__, "combinations": found}, open(figures, "w"))
