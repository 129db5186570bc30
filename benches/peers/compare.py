"""Runs weir and its peers one after the other, each in a process of its own, and prints one table.

Every answer is compared, value by value, with one that is worked out here in the plainest way: a count must be equal,
and a mean times its count must be the sum of cents. Each system runs several rounds, in turn; its fastest counts.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict, deque
from pathlib import Path

import numpy
import payments

HERE = Path(__file__).parent


def expected(rows):
    """Counts and sums of cents over each window, and whether the customer pays again later in the same second."""
    windows = defaultdict(lambda: [deque() for _ in payments.DAYS])
    sums = defaultdict(lambda: [0 for _ in payments.DAYS])
    counts, totals, tied, last = [], [], numpy.zeros(len(rows), dtype=bool), {}
    for place, (second, customer, cents) in enumerate(rows):
        held, total = windows[customer], sums[customer]
        for at, days in enumerate(payments.DAYS):
            held[at].append((second, cents))
            total[at] += cents
            while held[at][0][0] <= second - days * payments.DAY_S:
                total[at] -= held[at].popleft()[1]
        counts.append([len(window) for window in held])
        totals.append(list(total))
        before = last.get(customer)
        if before is not None and before[0] == second:
            tied[before[1]] = True
        last[customer] = (second, place)
    return numpy.array(counts).T, numpy.array(totals).T, tied


def verdict(answer, count, truth):
    """What a comparison of an answer with the truth says."""
    counts, totals, tied = (part[..., :count] for part in truth)
    found, means = payments.read(answer)
    if found.shape != counts.shape:
        return f"{found.shape[1]} rows instead of {counts.shape[1]}"
    sums = means * found
    same = (found == counts) & (numpy.rint(sums) == totals) & (numpy.abs(sums - totals) < 1e-3)
    wrong = ~same.all(axis=0)
    if not wrong.any():
        return "equal"
    if (wrong & ~tied).any():
        return f"{wrong.sum():,} rows differ"
    return f"{wrong.sum():,} rows differ, each with a later payment of that customer in the same second"


def run(command, form, pin):
    """Runs one system once: what it tells, and how long the process took."""
    start = time.perf_counter()
    done = subprocess.run(pin + command, env={**os.environ, "PEER_FORM": form}, stdout=subprocess.PIPE)
    process_s = time.perf_counter() - start
    return {**json.loads(done.stdout), "process_s": process_s} if done.returncode == 0 else None


# What is timed, with its heads in the table.
TIMED = {"work_s": "work, rows a second", "work_busy_s": "rows a CPU second", "process_s": "process, rows a second"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weir", required=True, help="weir's program, built by benches/peers/run")
    parser.add_argument("--folder", required=True, help="where the handbook's months are")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--redis-rows", type=int, default=100_000, help="Redis takes so many of the first rows")
    parser.add_argument("--only", nargs="+", default=[""], help="run those whose names begin so, and weir")
    given = parser.parse_args()

    def peer(script, form, rows=None):
        command = [sys.executable, str(HERE / script), given.folder]
        return command, form, [], rows

    systems = {
        "weir": ([given.weir, given.folder], "", ["taskset", "-c", "0"], None),
        "DuckDB, RANGE by time": peer("duckdb_windows.py", "plain"),
        "DuckDB, RANGE by time and place": peer("duckdb_windows.py", "exact"),
        "Polars, rolling by time": peer("polars_rolling.py", "plain"),
        "Polars, rolling by time and place": peer("polars_rolling.py", "exact"),
        "Bytewax, one worker": peer("bytewax_stateful.py", ""),
        "Redis with Lua, pipelined": peer("redis_lua.py", "pipelined", given.redis_rows),
        "Redis with Lua, a round trip each": peer("redis_lua.py", "single", given.redis_rows),
    }
    chosen = ("weir", *given.only)
    systems = {name: system for name, system in systems.items() if name.startswith(chosen)}
    truth = expected(payments.rows(given.folder))
    best, verdicts = {}, {}
    with tempfile.TemporaryDirectory() as home:
        answer = str(Path(home) / "answer.bin")
        for _ in range(given.rounds):
            for name, (command, form, pin, rows) in systems.items():
                told = run(command + [answer] + ([str(rows)] if rows else []), form, pin)
                if told is None:
                    verdicts[name] = "NOT MEASURED: it failed, see above"
                    continue
                verdicts[name] = verdict(answer, told["rows"], truth)
                fastest = best.setdefault(name, told)
                for key in TIMED:
                    fastest[key] = min(fastest[key], told[key])

    weir = best["weir"]

    def rate(told, key):
        return told["rows"] / told[key]

    print(f"{platform.machine()}, {os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}; fastest of {given.rounds} rounds\n")
    heads = ["system", "version", "cores", "rows", *(head for timed in TIMED.values() for head in (timed, "weir is"))]
    print("| " + " | ".join([*heads, "values"]) + " |")
    print("| --- " * (len(heads) + 1) + "|")
    for name in systems:
        told = best.get(name)
        if told is None:
            print(f"| {name} {'| ' * len(heads)}| {verdicts[name]} |")
            continue
        cells = [name, told["version"], "1" if name == "weir" else "2", f"{told['rows']:,}"]
        for key in TIMED:
            times = rate(weir, key) / rate(told, key)
            cells += [f"{rate(told, key):,.0f}", "1" if name == "weir" else f"{times:.2f}x"]
        print("| " + " | ".join([*cells, verdicts[name]]) + " |")
    if verdicts["weir"] != "equal":
        sys.exit("weir's values are not the expected ones")


main()
