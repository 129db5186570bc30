"""A command in a process of its own, on so many cores."""

import os
import subprocess
import time


def run(command, cores, **more):
    """Seconds from start to end, and the most memory held, in bytes."""
    begun = time.perf_counter()
    pinned = ["taskset", "-c", ",".join(map(str, range(cores)))] + command
    process = subprocess.Popen(pinned, env={**os.environ, "THREADS": str(cores), **more}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        return None, said.decode(errors="replace").strip().splitlines()[-1:]
    return time.perf_counter() - begun, usage.ru_maxrss * 1024
