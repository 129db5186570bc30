"""What is asked of all: the rules of datasets/handbook.rules.toml over one Parquet file of payments, decisions and figures written.

The payments have `id`, `time_us`, `customer`, `amount_minor` and `label` (`fraud` or `genuine`), in the order of their arrival. For
every payment: the customer's number of payments and mean amount (minor units) over 1, 7 and 30 days, this one included (of equal
times what stands up to this row), the rules that fire, the score, the outcome. Decisions go into a Parquet file (zstd), figures for
every rule and all together (flagged, frauds, precision, recall) into a JSON file.
"""

import json
import os
import sys

DAYS = [1, 7, 30]
DAY_US = 86_400 * 1_000_000
# A moment is twice the time in microseconds times this, and the row's place: a frame then ends at its row.
PLACES = 1 << 5

# As in the rule file; amounts in minor units.
COMPROMISED, MUCH_MORE, BUSY_DAY, BUSY_WEEK = int(os.environ.get("COMPROMISED", "22000")), 3, 8, 40
STEP_UP_AT, BLOCK_AT = 50, 100
RULES = {
    "compromised_terminal": (f"amount_minor > {COMPROMISED}", 60),
    "above_usual": (f"customer_count_30d >= 10 and amount_minor > {MUCH_MORE} * customer_mean_30d", 30),
    "sudden_spending": (f"customer_mean_1d > {MUCH_MORE} * customer_mean_7d", 30),
    "busy": (f"customer_count_1d > {BUSY_DAY} or customer_count_7d > {BUSY_WEEK}", 20),
}


def files():
    """The payments, where decisions go, where figures go."""
    payments, decisions, figures = sys.argv[1:]
    return payments, decisions, figures


def tell(path, figures):
    """Writes the figures."""
    with open(path, "w") as file:
        json.dump(figures, file, indent=1)
