"""Makes the Parquet file of payments that all read: the handbook's months, or so many generated ones.

Generated: customers with a rhythm and a usual amount of their own over 180 days, one payment in 500 a fraud of many times that amount,
in the order of time. The same seed gives the same file.
"""

import sys
from pathlib import Path

import duckdb

kind, folder, *more = sys.argv[1:]
target = Path(folder) / "payments.parquet"
connection = duckdb.connect()
connection.execute("SET threads = 2")
if kind == "handbook":
    source = f"""
        SELECT TRANSACTION_ID::VARCHAR AS id, (1522540800 + TX_TIME_SECONDS::BIGINT) * 1000000 AS time_us,
               CUSTOMER_ID::VARCHAR AS customer, round(TX_AMOUNT * 100)::BIGINT AS amount_minor,
               if(TX_FRAUD = 1, 'fraud', 'genuine') AS label
        FROM read_csv('{more[0]}/2018-*.csv.gz', header = true, parallel = false)"""
else:
    rows = int(more[0])
    customers = max(rows // 250, 1)
    connection.execute("SET preserve_insertion_order = true")
    # A hash of the row stands for chance, so that the file does not depend on threads.
    chance = lambda what: f"((hash(n, '{what}') % 1000003) / 1000003.0)"
    of_customer = lambda what: f"((hash(customer_number, '{what}') % 1000003) / 1000003.0)"
    source = f"""
        SELECT 'p' || n AS id, time_us, 'c' || customer_number AS customer,
               greatest(1, round(exp(7 + 2 * {of_customer("usual")} + 1.2 * ({chance("amount")} - 0.5))
                   * if(fraud, 8 + 20 * {chance("fraud")}, 1)))::BIGINT AS amount_minor,
               if(fraud, 'fraud', 'genuine') AS label
        FROM (SELECT n, 1704067200000000 + (n * {180 * 86_400 * 1_000_000 // rows}) + (hash(n, 'jitter') % 100)::BIGINT AS time_us,
                     (hash(n, 'who') % {customers})::BIGINT AS customer_number, hash(n, 'is fraud') % 500 = 0 AS fraud
              FROM range({rows}) AS numbers(n))
        ORDER BY time_us, n"""
connection.execute(f"COPY ({source}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
