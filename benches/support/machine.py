"""What the tables of committed runs say of the machine, from run.json as `weir bench` writes it."""

import json
from statistics import median

from figures import PERCENTILES, plain, table_head, time

CORES = {"the generator's core": "jitter", "the servers' core": "jitter_server"}


def machine(first, beside_a_disk=None):
    """What was measured where: the first measurement, and one beside which a disk was measured."""
    on = first["machine"]
    disk = beside_a_disk and beside_a_disk["machine"].get("disk_file_system")
    return (
        f"{on['cpu']}, {on['cores']} cores, {on['kernel']}, {f'journals on {disk}, ' if disk else ''}load {on['load_average']} at the beginning, "
        f"weir {first['version']}, commit {first['commit']}, {first['date']}. The servers on one core, the generator on another; Poisson arrivals; "
        "latencies from the intended send time."
    )


def jitter(folder):
    """How long the machine took itself away from an idle thread for, before each measurement in a folder."""
    found = [json.loads(path.read_text()) for path in sorted(folder.rglob("run.json"))]
    yield table_head([f"before each of {len(found)} measurements", *map(plain, PERCENTILES)])
    for core, key in CORES.items():
        of_core = [one[key] for one in found if one.get(key)]
        for word, pick in [("median", median), ("worst", max)]:
            if of_core:
                times = [time(pick(one[name] for one in of_core)) for name in PERCENTILES]
                yield f"| {core}, {word} | {' | '.join(times)} |"
