"""The second try after an edit, and a grid of a thousand thresholds, beside the same grid in Polars.

Runs, one after the other and each in a process of its own, over one Parquet file of payments: a backtest that keeps what payments are
decided from, the same again, one with an edited threshold, and the same without what is kept; a sweep of a thousand combinations over
the data itself and over what is kept; and the same grid in Polars, one expression for each combination, over the features that
`decisions.parquet` has. Every combination's flagged payments, frauds and value caught are compared, on both sides of the split.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as parquet

from processes import run

HERE = Path(__file__).parent
GRID = ["compromised=150..330/10", "much_more=2..11/10", "busy_day=6,8,10,12,14", "busy_week=30,40"]
EDITS = [("much_more   = { value = 3,", "much_more   = { value = 2.5,"), ("compromised = { value = 220,", "compromised = { value = 210,")]


def compared(sweep, peer):
    """How many combinations there are, and which differ."""
    swept = json.loads(Path(sweep).read_text())
    names = [param["name"] for param in swept["params"]]
    ours = {}
    for combination in swept["combinations"]:
        values = tuple(float(param["values"][at]) for param, at in zip(swept["params"], combination["values"]))
        ours[values] = combination
    wrong = []
    for theirs in json.loads(Path(peer).read_text())["combinations"]:
        one = ours[tuple(theirs["values"][name] for name in names)]
        for side in ["tuning", "held_out"]:
            for what, value in theirs[side].items():
                if abs(one[side][what] - value) > 1e-9 * max(abs(value), 1):
                    wrong.append((theirs["values"], side, what, one[side][what], value))
    return len(ours), wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weir", required=True)
    parser.add_argument("--data", required=True, help="a Parquet file of payments")
    parser.add_argument("--rules", required=True)
    parser.add_argument("--manifest", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", help="where the figures go")
    given = parser.parse_args()
    rows = parquet.ParquetFile(given.data).metadata.num_rows
    lines, verdict = [], {}
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        folder = Path(folder)
        rules = Path(given.rules).read_text()
        files = {"as it is": folder / "rules.toml"}
        files["as it is"].write_text(rules)
        for at, (old, new) in enumerate(EDITS):
            assert old in rules, old
            files[f"edit {at}"] = folder / f"edited{at}.toml"
            files[f"edit {at}"].write_text(rules.replace(old, new))

        def weir(what, rules, out, *more):
            common = ["--rules", str(files[rules]), "--data", given.manifest, "--root", str(Path(given.data).parent)]
            return [given.weir, what, *common, "--out", str(folder / out), *more]

        cache = ["--cache", str(folder / "cache")]
        quick = ["--no-decisions", *cache]
        grid = [part for vary in GRID for part in ["--vary", vary]]
        # For the features that Polars reads.
        run(weir("backtest", "as it is", "whole", "--replicates", "0"), max(given.cores))
        for cores in given.cores:
            threads = ["--threads", str(cores)]
            steps = {
                "backtest, nothing kept": weir("backtest", "as it is", "plain", "--no-decisions", *threads),
                "backtest that keeps": weir("backtest", "as it is", "first", *quick, *threads),
                "again, nothing edited": weir("backtest", "as it is", "second", *quick, *threads),
                "an edited threshold": weir("backtest", "edit 0", "third", *quick, *threads),
                "another edited threshold": weir("backtest", "edit 1", "fourth", *quick, *threads),
                "another, no intervals": weir("backtest", "edit 1", "fourth", *quick, *threads, "--replicates", "0"),
                "sweep of the data": weir("sweep", "as it is", "swept", *grid, "--replicates", "0", *threads),
                "sweep of what is kept": weir("sweep", "as it is", "swept_again", *grid, "--replicates", "0", *cache, *threads),
                "the grid in Polars": [
                    sys.executable,
                    str(HERE / "polars_sweep.py"),
                    str(folder / "whole" / "decisions.parquet"),
                    str(folder / "swept" / "sweep.json"),
                    str(folder / "polars.json"),
                ],
            }
            took = {name: [] for name in steps}
            for _ in range(given.rounds):
                run(["rm", "-rf", str(folder / "cache")], cores)
                for name, command in steps.items():
                    took[name].append(run(command, cores))
            for name, rounds in took.items():
                if any(seconds is None for seconds, _ in rounds):
                    lines.append({"cores": cores, "name": name, "failed": str(rounds[-1][1])})
                    continue
                seconds = [seconds for seconds, _ in rounds]
                peak = max(peak for _, peak in rounds)
                lines.append(
                    {"cores": cores, "name": name, "seconds": statistics.median(seconds), "seconds_max": max(seconds), "peak_bytes": peak}
                )
        count, wrong = compared(folder / "swept" / "sweep.json", folder / "polars.json")
        swept = [json.loads((folder / out / "sweep.json").read_text()) for out in ["swept", "swept_again"]]
        [one.pop("command") for one in swept]
        verdict = {
            "combinations": count,
            "differ from Polars": len(wrong),
            "what is kept finds the same": swept[0] == swept[1],
            "kept bytes": sum(file.stat().st_size for file in (folder / "cache").rglob("*") if file.is_file()),
        }
        wrong[:3] and print(wrong[:3], file=sys.stderr)
    print(f"{rows:,} rows; median and maximum of {given.rounds} rounds, from start to end of the process\n")
    print("| cores | | seconds | slowest | peak memory |")
    print("| --- | --- | --- | --- | --- |")
    for line in lines:
        if "failed" in line:
            print(f"| {line['cores']} | {line['name']} | failed: {line['failed']} | | |")
            continue
        print(f"| {line['cores']} | {line['name']} | {line['seconds']:.2f} | {line['seconds_max']:.2f} | {line['peak_bytes'] / 2**20:,.0f} MiB |")
    print("\n" + "; ".join(f"{what}: {value:,}" if type(value) is int else f"{what}: {value}" for what, value in verdict.items()))
    if given.json:
        Path(given.json).write_text(json.dumps({"rows": rows, "rounds": given.rounds, "runs": lines, "values": verdict}, indent=1) + "\n")
    if wrong or not verdict["what is kept finds the same"]:
        sys.exit(1)


main()
