"""What the tables of committed runs are made of: run.json as `weir bench` writes it, and rows of latencies from it."""

import json


def told(folder, name):
    """What run.json says of one measurement."""
    return json.loads((folder / name / "run.json").read_text())


def time(ns):
    """A time as people read it."""
    for unit, size in [("s", 1e9), ("ms", 1e6), ("µs", 1e3)]:
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns} ns"


def row(name, run, percentiles):
    """One line of a table of latencies."""
    counts = run["counts"]
    other = counts["sent"] - sum(counts["decided"].values())
    times = " | ".join(time(run["latency"][percentile]) for percentile in percentiles)
    return f"| {name} | {run['offered']:.0f} | {run['achieved']:.0f} | {times} | {run['latency']['count']} | {other} |"


def head(percentiles):
    """The first two lines of a table of latencies."""
    names = " | ".join(percentile.removesuffix("_ns") for percentile in percentiles)
    return f"| | offered/s | served/s | {names} | count | not decided |\n|---{'|---' * (len(percentiles) + 4)}|"
