"""Tables of all that benches/latency/run measured: python3 summary.py FOLDER."""

import sys
from pathlib import Path
from statistics import median

sys.path.append(str(Path(__file__).parents[1] / "support"))
from figures import OUTCOMES, PERCENTILES, at, cells, head, middle, plain, row, table_head, time, told  # noqa: E402
from machine import jitter, machine  # noqa: E402

DOORS = ["http-tcp", "http-unix", "frames-tcp", "frames-unix"]
HTTP, FRAMES = DOORS[:2], DOORS[2:]
WITHOUT, WITH = "", "-group"
NOT_REACHED = "**not reached**"


class Run:
    """What is in a folder of benches/latency/run."""

    def __init__(self, folder):
        self.folder = folder
        self.sweeps = {door + mode: told(folder, door + mode) for mode in [WITHOUT, WITH] for door in DOORS}
        self.bare = told(folder, "bare")["runs"][0]

    def turns(self, name):
        """What one rate gave, turn by turn."""
        of = sorted(turn for turn in (self.folder / name).iterdir() if turn.is_dir())
        return [told(turn.parent, turn.name)["runs"][0] for turn in of]

    def half(self, door, mode):
        """Half of a door's capacity: the sidecar, and its floor in turns with it."""
        return self.turns(f"{door}{mode}-half"), self.turns(f"{door}{mode}-floor")

    def ratios(self, door, mode, percentile):
        """Turn by turn how many times the floor's percentile; with a journal that of the floor and of the disk meanwhile. None
        where one of them has too few for it."""
        found = []
        for real, floor in zip(*self.half(door, mode)):
            beside = [floor["latency"]] + ([real["disk"]] if mode else [])
            times = [at(of, percentile) for of in [real["latency"], *beside]]
            if None in times:
                return []
            found.append(times[0] / sum(times[1:]))
        return found


def average(runs):
    """One run of several: medians of rates, percentiles and jitter, sums of counts."""
    decided = {outcome: sum(run["counts"]["decided"][outcome] for run in runs) for outcome in OUTCOMES}
    return {
        "offered": median(run["offered"] for run in runs),
        "achieved": median(run["achieved"] for run in runs),
        "latency": middle([run["latency"] for run in runs]),
        "jitter": {name: median(run["jitter"][name] for run in runs) for name in PERCENTILES},
        "counts": {"sent": sum(run["counts"]["sent"] for run in runs), "decided": decided},
    }


def spread(ratios):
    """The median of some ratios, from the least to the most."""
    if not ratios:
        return "-"
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def aims(run):
    """What was aimed at, in rows that README.md has too."""
    def rows():
        capacities = {door: run.sweeps[door]["capacity"] for door in FRAMES}
        yield (
            "the sidecar open-loop, one core for it and another for who asks (`benches/latency/run`): decisions "
            "a second through the binary door, pipelined, without a journal, at a p99 of at most 20 ms",
            {door: (f"{rate:,.0f}", rate >= 200_000) for door, rate in capacities.items()},
            "200,000",
        )
        for doors, name in [(FRAMES, "the binary door"), (HTTP, "HTTP")]:
            for mode, beside in [
                (WITHOUT, "that of its floor, the same server with an engine that answers a constant"),
                (WITH, "those of its floor and of one fdatasync, with a journal in group mode"),
            ]:
                ratios = {door: run.ratios(door, mode, "p99_ns") for door in doors}
                yield (
                    f"p99 of {name} at half of its capacity over {beside} (median of turns, least to most)",
                    {door: (spread(of), bool(of) and median(of) <= 1.3) for door, of in ratios.items()},
                    "1.3 times",
                )
        p999s = {door: at(average(run.half(door, WITHOUT)[0])["latency"], "p99.9_ns") for door in DOORS}
        yield (
            "p99.9 at half of the capacity, without a journal (median of turns)",
            {door: ("-" if ns is None else time(ns), ns is not None and ns < 1e6) for door, ns in p999s.items()},
            "under 1 ms",
        )

    yield table_head(["what", "figure", "aim"])
    for what, found, aim in rows():
        figures = "; ".join(f"{door} {figure}" for door, (figure, _) in found.items())
        missed = [door for door, (_, is_reached) in found.items() if not is_reached]
        by = f" by {' and '.join(missed)}" if 0 < len(missed) < len(found) else ""
        yield f"| {what} | {figures} | {aim}{f': {NOT_REACHED}{by}' if missed else ''} |"


def sweeps(run, mode):
    yield head()
    for door in DOORS:
        found = run.sweeps[door + mode]
        yield f"| **{door}** | capacity {found['capacity']:.0f} |{' |' * (len(PERCENTILES) + 3)}"
        for one in found["runs"]:
            yield row(f"{one['share_of_capacity'] * 100:.0f} %", one)


def beside(run, mode):
    turns = len(run.half(DOORS[0], mode)[0])
    yield f"Percentiles and rates are medians of {turns} turns; max is the greatest of all, counts are sums.\n\n{head()}"
    for door in DOORS:
        real, floor = run.half(door, mode)
        yield row(door, average(real))
        yield row(f"{door}, constant engine", average(floor))
        if mode:
            disk = middle([one["disk"] for one in real])
            yield f"| the disk meanwhile | | | {cells(disk, PERCENTILES)} | {disk['count']} | |"
    if not mode:
        yield row("http-tcp, bare handler", run.bare)
    floor = "the floor and one fdatasync" if mode else "the floor"
    percentiles = PERCENTILES[: 2 if mode else 3]
    yield "\n" + table_head([f"ratio to {floor}: median, least to most of {turns} turns", *map(plain, percentiles)])
    for door in DOORS:
        yield f"| {door} | {' | '.join(spread(run.ratios(door, mode, name)) for name in percentiles)} |"


def stages(run):
    """Where the time of a request goes: of each stage the median of the turns' means, and of their shares."""
    names = [stage["stage"] for stage in run.half(DOORS[0], WITHOUT)[0][0]["stages"]]
    yield table_head(["", *names])
    for mode in [WITHOUT, WITH]:
        for door in DOORS:
            of_turns = [one["stages"] for one in run.half(door, mode)[0]]

            def cell(place):
                of_stage = [stages[place] for stages in of_turns]
                mean = time(median(stage["mean_ns"] for stage in of_stage))
                shares = [stage["share"] for stage in of_stage if stage["share"] is not None]
                return f"{mean}, {median(shares) * 100:.0f} %" if shares else mean

            journal = ", with a journal" if mode else ""
            yield f"| {door}{journal} | {' | '.join(map(cell, range(len(names))))} |"


def decided(run):
    yield table_head(["of what was decided", "payments", "allow", "step up", "block"])
    for name, sweep in run.sweeps.items():
        runs = sweep["runs"] + run.turns(f"{name}-half")
        counts = [sum(one["counts"]["decided"][outcome] for one in runs) for outcome in OUTCOMES]
        shares = " | ".join(f"{count / max(sum(counts), 1) * 100:.2f} %" for count in counts)
        yield f"| {name.replace('-group', ', with a journal')} | {sum(counts)} | {shares} |"


def summary(folder):
    run = Run(folder)
    doors = ["frames-tcp", "http-tcp", "http-unix"]
    pictures = [f"![{door}: latency by percentile at each rate]({door}/percentiles.svg)" for door in doors]
    pictures.insert(1, "![frames-tcp: latency by rate](frames-tcp/sweep.svg)")
    sections = {
        "Aims": aims(run),
        "Without a journal": sweeps(run, WITHOUT),
        "Beside the floor, at half of the capacity without a journal": beside(run, WITHOUT),
        "With a journal, group durability": sweeps(run, WITH),
        "With a journal, beside the floor and the disk, at half of that capacity": beside(run, WITH),
        "Where the time goes": stages(run),
        "What was decided": decided(run),
        "The machine's own jitter": jitter(folder),
        "Pictures": ["\n\n".join(pictures)],
    }
    beside_a_disk = told(folder, f"{DOORS[0]}{WITH}-half/1")
    text = f"# {folder.name}\n\n{machine(run.sweeps[DOORS[0]], beside_a_disk)}\n"
    for title, lines in sections.items():
        text += f"\n## {title}\n\n" + "\n".join(lines) + "\n"
    return text


if __name__ == "__main__":
    print(summary(Path(sys.argv[1])), end="")
