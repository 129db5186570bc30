"""Tables of all that benches/rivals/run measured: python3 rivals.py [--same-rate] FOLDER.

With --same-rate only the rate at which all are to be asked: half of the smallest capacity.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "support"))
from figures import OUTCOMES, PERCENTILES, head, row, table_head, told  # noqa: E402
from machine import jitter, machine  # noqa: E402

NAMES = {"weir": "weir", "redis": "Redis with Lua", "zen": "zen-engine, stateless"}
CHECKED = {"redis": "Redis with Lua", "zen": "zen-engine, told weir's features"}
SHARES = [0.25, 0.5, 0.75]


def capacities(folder):
    return {one: told(folder, one) for one in NAMES}


def same_rate(folder):
    return round(min(found["capacity"] for found in capacities(folder).values()) / 2)


def checked(folder):
    yield table_head(["before the run", "compared with weir's decisions on the same events"])
    for one, name in CHECKED.items():
        yield f"| {name} | {(folder / f'check-{one}.txt').read_text().strip()} |"


def carried(found):
    yield table_head(["", "capacity, payments/s", "weir's is"])
    for one, of in found.items():
        yield f"| {NAMES[one]} | {of['capacity']:.0f} | {found['weir']['capacity'] / of['capacity']:.2f} times |"


def shares(found):
    yield head()
    for one, of in found.items():
        for run in of["runs"]:
            if run["share_of_capacity"] in SHARES:
                yield row(f"{NAMES[one]}, {run['share_of_capacity'] * 100:.0f} %", run)


def together(folder):
    same = {one: told(folder, f"{one}-same")["runs"][0] for one in NAMES}
    yield head()
    for one, run in same.items():
        yield row(NAMES[one], run)
    yield "\n" + table_head(["of the same payments", "allow", "step up", "block"])
    for one, run in same.items():
        yield f"| {NAMES[one]} | {' | '.join(str(run['counts']['decided'][outcome]) for outcome in OUTCOMES)} |"


def rivals(folder):
    found = capacities(folder)
    sections = {
        "That they decide alike": checked(folder),
        "Capacity": carried(found),
        "At shares of each one's own capacity": shares(found),
        "At one rate: half of the smallest capacity": together(folder),
        "The machine's own jitter, beside the rivals": jitter(folder),
    }
    versions = ", ".join((folder / "versions.txt").read_text().splitlines())
    text = (
        f"# {folder.name}: beside the usual way\n\n{machine(found['weir'])} {versions}. Redis is on its server's core; HTTP over TCP, 64 "
        "connections. Each is measured once, one after the other. Nobody keeps anything on disk. While it is measured zen-engine knows of no "
        "past, and so decides otherwise.\n"
    )
    for title, lines in sections.items():
        text += f"\n## {title}\n\n" + "\n".join(lines) + "\n"
    return text


if __name__ == "__main__":
    folder = Path(sys.argv[-1])
    print(same_rate(folder) if sys.argv[1] == "--same-rate" else rivals(folder).rstrip("\n"))
