"""One table of all that benches/latency/run measured: python3 summary.py FOLDER."""

import sys
from pathlib import Path
from statistics import median

sys.path.append(str(Path(__file__).parents[1] / "support"))
from figures import head, row, time, told  # noqa: E402

PERCENTILES = ["p50_ns", "p99_ns", "p99.9_ns", "p99.99_ns", "max_ns"]
DOORS = ["http-tcp", "http-unix", "frames-tcp", "frames-unix"]


def turns(folder, name):
    """What one rate gave, turn by turn."""
    return [told(turn.parent, turn.name)["runs"][0] for turn in sorted((folder / name).iterdir()) if turn.is_dir()]


def middle(name, runs):
    """One line of a table of latencies: the medians of turns, and the sum of what was counted."""
    both = {of: median(run[of] for run in runs) for of in ["offered", "achieved"]}
    latency = {percentile: median(run["latency"][percentile] for run in runs) for percentile in PERCENTILES}
    latency["count"] = sum(run["latency"]["count"] for run in runs)
    counts = {"sent": sum(run["counts"]["sent"] for run in runs)}
    counts["decided"] = {str(turn): sum(run["counts"]["decided"].values()) for turn, run in enumerate(runs)}
    return row(name, {**both, "latency": latency, "counts": counts}, PERCENTILES)


HEAD = head(PERCENTILES)

folder = Path(sys.argv[1])
first = told(folder, "http-tcp")
machine = first["machine"]
print(f"# {folder.name}\n")
print(
    f"{machine['cpu']}, {machine['kernel']}, {machine['file_system']}, load {machine['load_average']}, "
    f"weir {first['version']}, commit {first['commit']}, {first['date']}. The sidecars on one core, the generator on the other; "
    "Poisson arrivals; latencies from the intended send time."
)
for title, suffix in [("Without a journal", ""), ("With a journal, group durability", "-group")]:
    print(f"\n## {title}\n\n{HEAD}")
    for door in DOORS:
        found = told(folder, door + suffix)
        print(f"| **{door}** | capacity {found['capacity']:.0f} | | | | | | | | |")
        for run in found["runs"]:
            print(row(f"{run['share_of_capacity'] * 100:.0f} %", run, PERCENTILES))
for title, suffix, percentiles in [
    ("Beside the floor, at half of the capacity without a journal", "", PERCENTILES[:3]),
    ("With a journal, beside the floor and the disk, at half of that capacity", "-group", PERCENTILES[:2]),
]:
    print(f"\n## {title}\n\nOf each figure the median of the turns.\n\n{HEAD}")
    ratios = []
    for door in DOORS:
        real, floor = turns(folder, f"{door}{suffix}-half"), turns(folder, f"{door}{suffix}-floor")
        print(middle(door, real))
        print(middle(f"{door}, constant engine", floor))
        if suffix:
            times = " | ".join(time(median(run["disk"][percentile] for run in real)) for percentile in PERCENTILES)
            print(f"| the disk meanwhile | | | {times} | {sum(run['disk']['count'] for run in real)} | |")
        each = []
        for name in percentiles:
            floors = [run["latency"][name] for run in floor]
            if suffix:
                floors = [floor + run["disk"][name] for floor, run in zip(floors, real)]
            found = [run["latency"][name] / max(floor, 1) for run, floor in zip(real, floors)]
            each.append(f"{median(found):.2f} ({min(found):.2f} to {max(found):.2f})")
        ratios.append(f"| {door} | {' | '.join(each)} |")
    if not suffix:
        print(row("http-tcp, bare handler", told(folder, "bare")["runs"][0], PERCENTILES))
    beside = "the floor and one fdatasync" if suffix else "the floor"
    print(f"\n| ratio to {beside}: median, least to most of {len(real)} turns | {' | '.join(name[:-3] for name in percentiles)} |")
    print("|---" * (len(percentiles) + 1) + "|")
    print("\n".join(ratios))
jitter = first["jitter"]
print("\nThe machine's own jitter before: " + ", ".join(f"{name[:-3]} {time(jitter[name])}" for name in PERCENTILES) + ".")
