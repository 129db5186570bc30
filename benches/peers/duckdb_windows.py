"""DuckDB: one query of window functions; on two threads.

Two forms: `plain` orders by the time alone, so that a RANGE frame holds later rows of the same second too; `exact`
orders by time and place in one number, so that a frame ends at its row.
"""

import os

import duckdb
import payments

folder, answer, most = payments.asked()
exact = os.environ.get("PEER_FORM") == "exact"
# Above the number of rows, so that twice as much a second leaves room for a row's place.
PLACES = 1 << 20

connection = duckdb.connect()
connection.execute("SET threads = 2")
connection.execute(
    f"""
    CREATE TABLE payments AS
    SELECT (row_number() OVER ()) - 1 AS place, TX_TIME_SECONDS::BIGINT AS t, CUSTOMER_ID::INTEGER AS customer,
           round(TX_AMOUNT * 100)::BIGINT AS cents
    FROM read_csv(?, header = true, parallel = false)
    {f"LIMIT {most}" if most else ""}
    """,
    [payments.files(folder)],
)

moment = f"t * {2 * PLACES} + place" if exact else "t"
source = f"(SELECT *, {moment} AS moment FROM payments)"


def frame(days):
    """How far a frame reaches back from a row, in the unit of `moment`."""
    seconds = days * payments.DAY_S
    return (2 * seconds - 1) * PLACES if exact else seconds - 1


columns = ", ".join(f"count(*) OVER d{days} AS n{days}, avg(cents) OVER d{days} AS m{days}" for days in payments.DAYS)
windows = ", ".join(
    f"d{days} AS (PARTITION BY customer ORDER BY moment RANGE BETWEEN {frame(days)} PRECEDING AND CURRENT ROW)"
    for days in payments.DAYS
)

with payments.Work() as work:
    connection.execute(f"CREATE TABLE answer AS SELECT place, {columns} FROM {source} WINDOW {windows}")

found = connection.execute("SELECT * FROM answer ORDER BY place").fetchnumpy()
payments.write(answer, [found[f"n{days}"] for days in payments.DAYS], [found[f"m{days}"] for days in payments.DAYS])
payments.tell(duckdb.__version__, len(found["place"]), work)
