"""One table of all that benches/rivals/run measured: python3 rivals.py [--same-rate] FOLDER.

With --same-rate only the rate at which all are to be asked: half of the smallest capacity.
"""

import re
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "support"))
from figures import head, row, told  # noqa: E402

PERCENTILES = ["p50_ns", "p99_ns", "p99.9_ns", "max_ns"]
NAMES = {"weir": "weir", "redis": "Redis with Lua", "zen": "zen-engine, stateless"}
CHECKED = {"redis": "Redis with Lua", "zen": "zen-engine, told weir's features"}
SHARES = [0.25, 0.5, 0.75]


def locked(crate):
    """Which version of a crate the rivals are built with."""
    lock = (Path(__file__).parent / "Cargo.lock").read_text()
    return re.search(rf'name = "{crate}"\nversion = "([^"]+)"', lock)[1]


folder = Path(sys.argv[-1])
found = {one: told(folder, one) for one in NAMES}
if sys.argv[1] == "--same-rate":
    print(round(min(run["capacity"] for run in found.values()) / 2))
    sys.exit()
first = found["weir"]
machine = first["machine"]
print(f"# {folder.name}: beside the usual way\n")
print(
    f"{machine['cpu']}, {machine['kernel']}, load {machine['load_average']}, weir {first['version']}, "
    f"commit {first['commit']}, {first['date']}; Redis {(folder / 'redis-version.txt').read_text().strip()}, its Rust client "
    f"{locked('redis')}, zen-engine {locked('zen-engine')}. The server (and Redis) on one core, the generator on the other; HTTP over TCP, "
    "64 connections, Poisson arrivals; latencies from the intended send time. Nobody keeps anything on disk. While it is "
    "measured zen-engine knows of no past, and so decides otherwise."
)
print("\n| before the run | compared with weir's decisions on the same events |\n|---|---|")
for one, name in CHECKED.items():
    print(f"| {name} | {(folder / f'check-{one}.txt').read_text().strip()} |")
print("\n| | capacity, payments/s | weir's is |\n|---|---|---|")
for one, run in found.items():
    print(f"| {NAMES[one]} | {run['capacity']:.0f} | {first['capacity'] / run['capacity']:.2f} times |")
print(f"\n## At shares of each one's own capacity\n\n{head(PERCENTILES)}")
for one, run in found.items():
    for share in SHARES:
        at = next(at for at in run["runs"] if at["share_of_capacity"] == share)
        print(row(f"{NAMES[one]}, {share * 100:.0f} %", at, PERCENTILES))
print(f"\n## At one rate: half of the smallest capacity\n\n{head(PERCENTILES[:2])}")
same = {one: told(folder, f"{one}-same")["runs"][0] for one in NAMES}
for one, run in same.items():
    print(row(NAMES[one], run, PERCENTILES[:2]))
print("\n| of the same payments | allow | step up | block |\n|---|---|---|---|")
for one, run in same.items():
    decided = run["counts"]["decided"]
    print(f"| {NAMES[one]} | {decided['allow']} | {decided['step_up']} | {decided['block']} |")
