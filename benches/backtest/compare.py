"""Runs `weir backtest` and the same rules as one query in DuckDB and in Polars, one after the other, each in a process of its own.

Each reads the same Parquet file and writes decisions and figures. Before anything is quoted, every row is compared: outcome,
score, rules and counts must be equal, means to 1e-12 of themselves, and the figures of every rule. A table at the end has rows a
second from start to end of the process, its peak memory, and the ratio to weir.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

import numpy
import pyarrow.compute as compute
import pyarrow.parquet as parquet

import asked
from processes import run

HERE = Path(__file__).parent


FEATURES = [f"customer_{what}_{days}d" for days in asked.DAYS for what in ["count", "mean"]]


def unequal(ours, theirs):
    """What differs between two files of decisions; read in slices, since neither may fit into memory."""
    columns = ["outcome", "score", "rules", *FEATURES]
    left, right = parquet.ParquetFile(ours), parquet.ParquetFile(theirs)
    if left.metadata.num_rows != right.metadata.num_rows:
        return f"{left.metadata.num_rows} and {right.metadata.num_rows} rows"
    rows = zip(slices(left, columns), slices(right, columns))
    wrong = {}
    for ours, theirs in rows:
        for column in columns:
            a, b = ours[column], theirs[column]
            if column == "rules":
                same = a.to_pylist() == b.to_pylist()
            elif "mean" in column:
                a, b = a.to_numpy(zero_copy_only=False), b.to_numpy(zero_copy_only=False)
                same = numpy.allclose(a, b, rtol=1e-12, atol=0, equal_nan=True)
            else:
                same = compute.all(compute.equal(a.cast("string"), b.cast("string"))).as_py()
            if not same:
                wrong[column] = wrong.get(column, 0) + 1
    return f"slices that differ: {wrong}" if wrong else None


SLICE_ROWS = 1 << 18


def slices(file, columns):
    """A file in slices of equal length, whatever its row groups are."""
    import pyarrow

    held = []
    count = 0
    for batch in file.iter_batches(batch_size=1 << 16, columns=columns):
        held.append(batch)
        count += len(batch)
        while count >= SLICE_ROWS:
            table = pyarrow.Table.from_batches(held)
            yield table.slice(0, SLICE_ROWS)
            held = table.slice(SLICE_ROWS).to_batches()
            count -= SLICE_ROWS
    if held:
        yield pyarrow.Table.from_batches(held)


def figures(report):
    """The same figures from weir's report."""
    found = json.loads(Path(report).read_text())["rules"]["result"]
    of = {rule["id"]: rule for rule in found["rules"]} | {"overall": found["overall"]}
    value = lambda estimate: estimate and estimate["value"]
    return {
        name: {
            "flagged": one["flagged"],
            "frauds": one["frauds"],
            "precision": value(one["precision"]),
            "recall": value(one["recall"]),
        }
        for name, one in of.items()
    }


def same_figures(ours, theirs):
    """Whether both say the same of every rule."""
    close = lambda a, b: a is b is None or (a is not None and b is not None and abs(a - b) <= 1e-12 * max(abs(a), 1))
    return all(close(ours[name][what], value) for name, of in theirs.items() for what, value in of.items())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weir", required=True)
    parser.add_argument("--data", required=True, help="a Parquet file of payments")
    parser.add_argument("--rules", required=True)
    parser.add_argument("--manifest", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+", default=["duckdb", "polars"])
    parser.add_argument("--json", help="where the figures go")
    given = parser.parse_args()
    rows = parquet.ParquetFile(given.data).metadata.num_rows
    lines = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        out = Path(folder) / "weir"
        weir = [given.weir, "backtest", "--rules", given.rules, "--data", given.manifest, "--root", str(Path(given.data).parent)]
        weir += ["--out", str(out), "--warm", "0s", "--replicates", "0"]
        commands = {"weir": weir}
        for peer in given.only:
            into = [str(Path(folder) / f"{peer}.{end}") for end in ["parquet", "json"]]
            commands[peer] = [sys.executable, str(HERE / f"{peer}_backtest.py"), given.data, *into]
        for cores in given.cores:
            took = {name: [] for name in commands}
            for _ in range(given.rounds):
                for name, command in commands.items():
                    if name == "weir":
                        command = command + ["--threads", str(cores)]
                    took[name].append(run(command, cores))
            for name, rounds in took.items():
                if any(seconds is None for seconds, _ in rounds):
                    lines.append({"cores": cores, "name": name, "failed": str(rounds[-1][1])})
                    continue
                seconds = statistics.median(seconds for seconds, _ in rounds)
                peak = max(peak for _, peak in rounds)
                lines.append({"cores": cores, "name": name, "seconds": seconds, "rows_a_second": rows / seconds, "peak_bytes": peak})
        verdicts = {}
        for peer in given.only:
            decisions, said = (Path(folder) / f"{peer}.{end}" for end in ["parquet", "json"])
            if not said.exists():
                verdicts[peer] = "did not end"
                continue
            wrong = unequal(out / "decisions.parquet", decisions)
            if wrong is None and not same_figures(figures(out / "report.json"), json.loads(said.read_text())["of"]):
                wrong = "figures differ"
            verdicts[peer] = wrong or "equal"
    print(f"{rows:,} rows; median of {given.rounds} rounds, from start to end of the process\n")
    print("| cores | | seconds | rows a second | peak memory | of weir's time | values |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for line in lines:
        if "failed" in line:
            print(f"| {line['cores']} | {line['name']} | failed: {line['failed']} | | | | |")
            continue
        ours = next((other["seconds"] for other in lines if other["name"] == "weir" and other["cores"] == line["cores"]), None)
        ratio = f"{line['seconds'] / ours:.2f}" if ours else ""
        print(
            f"| {line['cores']} | {line['name']} | {line['seconds']:.2f} | {line['rows_a_second']:,.0f} |"
            f" {line['peak_bytes'] / 2**20:,.0f} MiB | {ratio} | {verdicts.get(line['name'], '')} |"
        )
    if given.json:
        Path(given.json).write_text(json.dumps({"rows": rows, "rounds": given.rounds, "runs": lines, "values": verdicts}, indent=1) + "\n")
    if any(verdict != "equal" for verdict in verdicts.values()):
        sys.exit(1)


main()
