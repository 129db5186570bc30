"""Bytewax: a stateful operator keyed by customer, on one worker; the state is a deque and a running sum per window."""

import importlib.metadata
from collections import deque

import bytewax.operators as op
import payments
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.testing import TestingSink, TestingSource, run_main

folder, answer, most = payments.asked()
LENGTHS = [days * payments.DAY_S for days in payments.DAYS]


class Held(StatefulBatchLogic):
    """One customer's payments in each window, with their sum."""

    def __init__(self):
        self.windows = [deque() for _ in LENGTHS]
        self.sums = [0 for _ in LENGTHS]

    def take(self, place, second, cents):
        """Takes a payment in and gives its place with count and mean over each window."""
        found = [place]
        for at, length in enumerate(LENGTHS):
            window, total = self.windows[at], self.sums[at] + cents
            window.append((second, cents))
            edge = second - length
            while window[0][0] <= edge:
                total -= window.popleft()[1]
            self.sums[at] = total
            found += (len(window), total / len(window))
        return found

    def on_batch(self, values):
        return [self.take(*payment) for payment in values], StatefulBatchLogic.RETAIN

    def snapshot(self):
        # Nothing is recovered here, so nothing is copied.
        return None


keyed = [
    (str(customer), (place, second, cents))
    for place, (second, customer, cents) in enumerate(payments.rows(folder, most))
]
out = []
flow = Dataflow("windows")
stream = op.input("payments", flow, TestingSource(keyed, batch_size=10000))
windows = op.stateful_batch("windows", stream, lambda _: Held())
op.output("answer", windows, TestingSink(out))

with payments.Work() as work:
    run_main(flow)

# Within a batch the operator answers customer by customer.
columns = list(zip(*sorted(found for _, found in out)))
payments.write(answer, columns[1::2], columns[2::2])
payments.tell(importlib.metadata.version("bytewax"), len(out), work)
