"""One table of all that benches/latency/run measured: python3 summary.py FOLDER."""

import json
import sys
from pathlib import Path

PERCENTILES = ["p50_ns", "p99_ns", "p99.9_ns", "p99.99_ns", "max_ns"]
DOORS = ["http-tcp", "http-unix", "frames-tcp", "frames-unix"]


def told(folder, name):
    """What run.json says of one measurement."""
    return json.loads((folder / name / "run.json").read_text())


def time(ns):
    """A time as people read it."""
    for unit, size in [("s", 1e9), ("ms", 1e6), ("µs", 1e3)]:
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns} ns"


def row(name, run):
    """One line of a table of latencies."""
    counts = run["counts"]
    other = counts["sent"] - sum(counts["decided"].values())
    times = " | ".join(time(run["latency"][percentile]) for percentile in PERCENTILES)
    return f"| {name} | {run['offered']:.0f} | {run['achieved']:.0f} | {times} | {run['latency']['count']} | {other} |"


HEAD = "| | offered/s | served/s | p50 | p99 | p99.9 | p99.99 | max | count | not decided |\n|---|---|---|---|---|---|---|---|---|---|"

folder = Path(sys.argv[1])
first = told(folder, "http-tcp")
machine = first["machine"]
print(f"# {folder.name}\n")
print(
    f"{machine['cpu']}, {machine['cores']} cores, {machine['kernel']}, {machine['file_system']}, load {machine['load_average']}, "
    f"weir {first['version']}, commit {first['commit']}, {first['date']}. The sidecar on one core, the generator on the other; "
    "Poisson arrivals; latencies from the intended send time."
)
for title, suffix in [("Without a journal", ""), ("With a journal, group durability", "-group")]:
    print(f"\n## {title}\n\n{HEAD}")
    for door in DOORS:
        found = told(folder, door + suffix)
        print(f"| **{door}** | capacity {found['capacity']:.0f} | | | | | | | | |")
        for run in found["runs"]:
            print(row(f"{run['share_of_capacity'] * 100:.0f} %", run))
print(f"\n## Beside the floor, at half of the capacity without a journal\n\n{HEAD}")
ratios = []
for door in DOORS:
    real, floor = told(folder, f"{door}-half")["runs"][0], told(folder, f"{door}-floor")["runs"][0]
    print(row(door, real))
    print(row(f"{door}, constant engine", floor))
    each = [real["latency"][name] / max(floor["latency"][name], 1) for name in PERCENTILES[:3]]
    ratios.append(f"| {door} | " + " | ".join(f"{ratio:.2f}" for ratio in each) + " |")
print(row("http-tcp, bare handler", told(folder, "bare")["runs"][0]))
print("\n| ratio to the floor | p50 | p99 | p99.9 |\n|---|---|---|---|")
print("\n".join(ratios))
jitter = first["jitter"]
print("\nThe machine's own jitter before: " + ", ".join(f"{name[:-3]} {time(jitter[name])}" for name in PERCENTILES) + ".")
