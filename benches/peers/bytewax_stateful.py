"""Bytewax: a stateful operator keyed by customer, on one worker; the state is a deque and running sums per window."""

import importlib.metadata
import time
from collections import deque

import bytewax.operators as op
import payments
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main

folder, answer, most = payments.asked()
LENGTHS = [days * payments.DAY_S for days in payments.DAYS]


class Held:
    """One customer's payments in each window, with their number and sum."""

    __slots__ = ("windows", "sums")

    def __init__(self):
        self.windows = [deque() for _ in LENGTHS]
        self.sums = [0 for _ in LENGTHS]


def take(held, payment):
    """Takes a payment in and gives count and mean over each window."""
    if held is None:
        held = Held()
    place, second, cents = payment
    found = [place]
    for at, length in enumerate(LENGTHS):
        window, total = held.windows[at], held.sums[at] + cents
        window.append((second, cents))
        edge = second - length
        while window[0][0] <= edge:
            total -= window.popleft()[1]
        held.sums[at] = total
        found += (len(window), total / len(window))
    return held, tuple(found)


keyed = [
    (str(customer), (place, second, cents))
    for place, (second, customer, cents) in enumerate(payments.rows(folder, most))
]
out = []
flow = Dataflow("windows")
stream = op.input("payments", flow, TestingSource(keyed, batch_size=1_000))
op.output("answer", op.stateful_map("windows", stream, take), TestingSink(out))

start = time.perf_counter()
run_main(flow)
work_s = time.perf_counter() - start

# Within a batch the operator answers customer by customer.
columns = list(zip(*sorted(found for _, found in out)))
payments.write(answer, columns[1::2], columns[2::2])
payments.tell(importlib.metadata.version("bytewax"), len(out), work_s)
