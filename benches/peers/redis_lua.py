"""Redis: a Lua script per payment, on a sorted set and a hash per customer; `single` or `pipelined` by a thousand.

The script does what can be done well there: each payment is put into the set once, and each window takes out of its
running count and sum only what has left it since. Requests are packed before the time runs, answers read by the C
parser of the usual client, over a Unix socket: the server has one core and the client the other.
"""

import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import hiredis
import payments

SCRIPT = """
local log, held = KEYS[1], KEYS[2]
local now, cents = tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZADD', log, now, ARGV[1] .. ':' .. ARGV[3])
local state = redis.call('HMGET', held, 'edge', 'n1', 's1', 'n7', 's7', 'n30', 's30')
local before = tonumber(state[1])
local answer, kept = {}, {'edge', now}
for at, days in ipairs({1, 7, 30}) do
  local count, sum = tonumber(state[2 * at] or 0) + 1, tonumber(state[2 * at + 1] or 0) + cents
  if before then
    local gone = redis.call('ZRANGEBYSCORE', log, '(' .. before - days * 86400, now - days * 86400)
    for _, member in ipairs(gone) do
      count, sum = count - 1, sum - tonumber(string.match(member, ':(%d+)$'))
    end
  end
  answer[2 * at - 1], answer[2 * at] = count, sum
  kept[4 * at - 1], kept[4 * at], kept[4 * at + 1], kept[4 * at + 2] = 'n' .. days, count, 's' .. days, sum
end
redis.call('ZREMRANGEBYSCORE', log, '-inf', now - 30 * 86400)
redis.call('HSET', held, unpack(kept))
return answer
"""


def connected(path):
    """A connection to the server, once it listens."""
    for _ in range(200):
        try:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(path)
            return connection
        except OSError:
            time.sleep(0.05)
    raise SystemExit("redis-server did not start")


def ask(connection, reader, request, count):
    """Sends requests and reads as many answers."""
    connection.sendall(request)
    answers = []
    while len(answers) < count:
        found = reader.gets()
        if found is False:
            reader.feed(connection.recv(1 << 16))
        elif isinstance(found, hiredis.ReplyError):
            raise SystemExit(f"redis refused: {found}")
        else:
            answers.append(found)
    return answers


def server_said(connection, reader):
    """What the server says of itself, by name."""
    said = ask(connection, reader, hiredis.pack_command(("INFO",)), 1)[0].decode()
    return dict(line.split(":", 1) for line in said.splitlines() if ":" in line)


folder, answer, most = payments.asked()
batch = 1_000 if os.environ.get("PEER_FORM") == "pipelined" else 1
rows = payments.rows(folder, most)
with tempfile.TemporaryDirectory() as home:
    path = str(Path(home) / "redis.sock")
    settings = ["--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no", "--dir", home]
    server = subprocess.Popen(["redis-server", *settings], stdout=subprocess.DEVNULL)
    try:
        connection, reader = connected(path), hiredis.Reader()
        script = ask(connection, reader, hiredis.pack_command(("SCRIPT", "LOAD", SCRIPT)), 1)[0]
        requests = [
            hiredis.pack_command(
                ("EVALSHA", script, "2", f"log:{customer}", f"held:{customer}", str(place), str(second), str(cents))
            )
            for place, (second, customer, cents) in enumerate(rows)
        ]
        batches = [b"".join(requests[at : at + batch]) for at in range(0, len(requests), batch)]
        found = []
        before = server_said(connection, reader)
        with payments.Work() as work:
            for at, request in enumerate(batches):
                found += ask(connection, reader, request, min(batch, len(requests) - at * batch))
        after = server_said(connection, reader)
        for used in ("used_cpu_user", "used_cpu_sys"):
            work.busy_s += float(after[used]) - float(before[used])
    finally:
        server.terminate()
        server.wait()

columns = list(zip(*found))
means = [[total / count for count, total in zip(columns[at], columns[at + 1])] for at in (0, 2, 4)]
payments.write(answer, columns[::2], means)
payments.tell(after["redis_version"], len(rows), work)
