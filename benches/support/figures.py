"""What the tables of committed runs are made of: run.json as `weir bench` writes it, and rows of latencies from it."""

import json
from statistics import median

QUANTILES = {"p50_ns": 0.5, "p90_ns": 0.9, "p99_ns": 0.99, "p99.9_ns": 0.999, "p99.99_ns": 0.9999, "max_ns": 1.0}
PERCENTILES = ["p50_ns", "p99_ns", "p99.9_ns", "p99.99_ns", "max_ns"]
OUTCOMES = ["allow", "step_up", "block"]


def told(folder, name):
    """What run.json says of one measurement; each of its runs with the jitter of before."""
    found = json.loads((folder / name / "run.json").read_text())
    for run in found["runs"]:
        run["jitter"] = found["jitter"]
    return found


def time(ns):
    """A time as people read it."""
    for unit, size in [("s", 1e9), ("ms", 1e6), ("µs", 1e3)]:
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.0f} ns"


def at(times, percentile):
    """A percentile of a histogram, or none of too few for it to be another than the maximum."""
    beyond = times["count"] * (1 - QUANTILES[percentile])
    return times[percentile] if times["count"] and (percentile == "max_ns" or beyond >= 1) else None


def cells(times, percentiles, floor=None):
    """A histogram's cells of a table; with a star what is below the floor."""

    def cell(percentile):
        ns = at(times, percentile)
        if ns is None:
            return "-"
        return time(ns) + ("*" if floor and ns < floor[percentile] else "")

    return " | ".join(cell(percentile) for percentile in percentiles)


def row(name, run, percentiles=PERCENTILES):
    """One line of a table of latencies."""
    latency, counts = run["latency"], run["counts"]
    other = counts["sent"] - sum(counts["decided"].values())
    times = cells(latency, percentiles, run["jitter"])
    return f"| {name} | {run['offered']:.0f} | {run['achieved']:.0f} | {times} | {latency['count']} | {other} |"


def head(percentiles=PERCENTILES):
    """The first two lines of a table of latencies."""
    return table_head(["", "offered/s", "served/s", *map(plain, percentiles), "count", "not decided"])


def table_head(names):
    """The first two lines of a table."""
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}".replace("|  |", "| |", 1)


def plain(percentile):
    """A percentile's name."""
    return percentile.removesuffix("_ns")


def middle(histograms):
    """Of several histograms one that never was: the medians of their percentiles, the greatest maximum and the whole count. A percentile that one
    of them is too small for is left out of it."""
    all_of = {"count": sum(times["count"] for times in histograms), "max_ns": max(times["max_ns"] for times in histograms)}
    for percentile in QUANTILES.keys() - {"max_ns"}:
        found = [at(times, percentile) for times in histograms]
        all_of[percentile] = None if None in found else median(found)
    return all_of
