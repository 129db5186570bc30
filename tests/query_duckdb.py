"""Runs FOLDER/query.sql in DuckDB over FOLDER/events.csv, and writes the columns asked for as JSON lines.

tests/query_duckdb.rs lays out the folder and compares the answer with the engine's.
"""

import json
import sys
from pathlib import Path

import duckdb

folder = Path(sys.argv[1])
columns = dict(json.loads((folder / "columns.json").read_text()))
answer = json.loads((folder / "answer.json").read_text())
connection = duckdb.connect()
connection.execute(
    "CREATE TABLE events AS SELECT * FROM read_csv(?, header = true, columns = ?, quote = '\"', escape = '\"')",
    [str(folder / "events.csv"), columns],
)
found = connection.execute((folder / "query.sql").read_text())
names = [column[0] for column in found.description]
places = [names.index(name) for name in answer]
with (folder / "answer.ndjson").open("w") as out:
    for row in found.fetchall():
        out.write(json.dumps([row[place] for place in places]) + "\n")
