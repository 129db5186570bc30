"""Polars: `rolling_sum_by` and `rolling_mean_by` over each customer; on two threads.

Two forms: `plain` goes by the time alone, so that a window holds later rows of the same second too; `exact` gives
rows of one second an order and goes by that. Rows of a customer are in time order already, as it asks.
"""

import os

os.environ["POLARS_MAX_THREADS"] = "2"

import payments
import polars

folder, answer, most = payments.asked()
exact = os.environ.get("PEER_FORM") == "exact"
# Above the number of rows, so that twice as much a second leaves room for a row's place.
PLACES = 1 << 20

read = polars.concat([polars.read_csv(path) for path in payments.files(folder)])
frame = read.head(most or len(read)).select(
    t=polars.col("TX_TIME_SECONDS").cast(polars.Int64),
    customer=polars.col("CUSTOMER_ID").cast(polars.Int32),
    cents=(polars.col("TX_AMOUNT") * 100).round().cast(polars.Int64),
    one=polars.lit(1, polars.Int64),
)


def window(days):
    """How long a window is, in the unit of what it goes by."""
    seconds = days * payments.DAY_S
    return f"{(2 * seconds - 1) * PLACES + 1}i" if exact else f"{seconds}i"


with payments.Work() as work:
    moment = polars.col("t") * (2 * PLACES) + polars.int_range(polars.len()) if exact else polars.col("t")
    columns = [
        column.over("customer")
        for days in payments.DAYS
        for column in [
            polars.col("one").rolling_sum_by("moment", window(days)).alias(f"n{days}"),
            polars.col("cents").rolling_mean_by("moment", window(days)).alias(f"m{days}"),
        ]
    ]
    found = frame.lazy().with_columns(moment=moment).select(columns).collect()

payments.write(
    answer,
    [found[f"n{days}"].to_numpy() for days in payments.DAYS],
    [found[f"m{days}"].to_numpy() for days in payments.DAYS],
)
payments.tell(polars.__version__, len(found), work)
