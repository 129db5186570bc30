"""What all peers share: where the payments are, what is asked of them, and how the answers are laid down.

The question: at every payment, in file order, this customer's number of payments and mean amount (in cents) over
the last 1, 7 and 30 days, the payment itself included. A window covers `(t - N days, t]`; of equal times it holds
what stands up to this row in the file. The answer is one file: for each window a column of counts (int64), then for
each window a column of means (float64), all little-endian.
"""

import csv
import gzip
import json
import sys
import time
from pathlib import Path

import numpy

MONTHS = ["2018-04", "2018-05"]
DAYS = [1, 7, 30]
DAY_S = 86_400


def files(folder):
    """The CSV files of both months."""
    return [str(Path(folder) / f"{month}.csv.gz") for month in MONTHS]


def rows(folder, most=None):
    """Second, customer and cents of each payment, in file order; at most `most` of them."""
    taken = []
    for path in files(folder):
        with gzip.open(path, "rt", newline="") as file:
            for row in csv.DictReader(file):
                if len(taken) == most:
                    return taken
                cents = round(float(row["TX_AMOUNT"]) * 100)
                taken.append((int(row["TX_TIME_SECONDS"]), int(row["CUSTOMER_ID"]), cents))
    return taken


def write(path, counts, means):
    """Lays down the answer: three columns of counts, three of means."""
    with open(path, "wb") as file:
        for column in counts:
            file.write(numpy.ascontiguousarray(column, dtype="<i8").data)
        for column in means:
            file.write(numpy.ascontiguousarray(column, dtype="<f8").data)


def read(path):
    """Counts and means of an answer, each three columns."""
    raw = numpy.fromfile(path, dtype="<i8").reshape(6, -1)
    return raw[:3], raw[3:].view("<f8")


def asked():
    """The folder, the answer's path, and how many rows to take (all: none said)."""
    folder, answer, *most = sys.argv[1:]
    return folder, answer, int(most[0]) if most else None


class Work:
    """How long what stands in its `with` takes, on the wall and on all cores together."""

    def __enter__(self):
        self.wall_s, self.busy_s = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        self.wall_s, self.busy_s = time.perf_counter() - self.wall_s, time.process_time() - self.busy_s


def tell(version, count, work):
    """Tells the command that runs the peers what was done."""
    print(json.dumps({"version": version, "rows": count, "work_s": work.wall_s, "work_busy_s": work.busy_s}))
