"""DuckDB: one query from the file to the decisions, and one over those for the figures."""

import os

import asked
import duckdb

payments, decisions, figures = asked.files()
connection = duckdb.connect()
connection.execute(f"SET threads = {os.environ.get('THREADS', '2')}")
connection.execute("SET preserve_insertion_order = true")
if os.environ.get("MEMORY"):
    connection.execute(f"SET memory_limit = '{os.environ['MEMORY']}'")

columns = ", ".join(
    f"count(*) OVER d{days} AS customer_count_{days}d, avg(amount_minor) OVER d{days} AS customer_mean_{days}d"
    for days in asked.DAYS
)
windows = ", ".join(
    f"d{days} AS (PARTITION BY customer ORDER BY moment"
    f" RANGE BETWEEN {(2 * days * asked.DAY_US - 1) * asked.PLACES} PRECEDING AND CURRENT ROW)"
    for days in asked.DAYS
)
fired = ", ".join(f"coalesce({when}, false) AS {rule}" for rule, (when, _) in asked.RULES.items())
score = " + ".join(f"if({rule}, {points}, 0)" for rule, (_, points) in asked.RULES.items())
names = ", ".join(f"if({rule}, '{rule}', null)" for rule in asked.RULES)
connection.execute(
    f"""
    COPY (
      SELECT row, id, make_timestamp(time_us) AS time, customer, amount_minor,
             CASE WHEN score >= {asked.BLOCK_AT} THEN 'block' WHEN score >= {asked.STEP_UP_AT} THEN 'step_up' ELSE 'allow' END AS outcome,
             score, list_filter([{names}], lambda x: x IS NOT NULL) AS rules, label,
             {", ".join(f"customer_count_{days}d, customer_mean_{days}d" for days in asked.DAYS)}
      FROM (SELECT *, {score} AS score FROM (SELECT *, {fired} FROM (
        SELECT *, {columns}
        FROM (SELECT *, time_us * {2 * asked.PLACES} + tie AS moment
              FROM (SELECT *, row_number() OVER (PARTITION BY customer, time_us ORDER BY row) AS tie
                    FROM (SELECT file_row_number AS row, * EXCLUDE (file_row_number)
                          FROM read_parquet(?, file_row_number = true))))
        WINDOW {windows})))
      ORDER BY row
    ) TO '{decisions}' (FORMAT parquet, COMPRESSION zstd)
    """,
    [payments],
)
of_rules = ", ".join(
    f"count(*) FILTER (list_contains(rules, '{rule}')), count(*) FILTER (list_contains(rules, '{rule}') AND label = 'fraud')"
    for rule in asked.RULES
)
row = connection.execute(
    f"""SELECT count(*), count(*) FILTER (label = 'fraud'), count(*) FILTER (outcome <> 'allow'),
        count(*) FILTER (outcome <> 'allow' AND label = 'fraud'), {of_rules} FROM read_parquet('{decisions}')"""
).fetchone()
count, frauds, flagged, caught, *rest = row
of_each = {rule: rest[2 * at : 2 * at + 2] for at, rule in enumerate(asked.RULES)} | {"overall": [flagged, caught]}
asked.tell(
    figures,
    {
        "version": duckdb.__version__,
        "payments": count,
        "frauds": frauds,
        "of": {
            name: {"flagged": all_, "frauds": hit, "precision": hit / all_ if all_ else None, "recall": hit / frauds if frauds else None}
            for name, (all_, hit) in of_each.items()
        },
    },
)
