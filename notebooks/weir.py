"""Calls weir in a folder, for the notebooks.

The program is the one that $WEIR names, or `weir` from PATH. All that is computed, it computes; what is here calls it,
reads what it wrote, and tells what it said where something is wrong.
"""

import json
import os
import shlex
import subprocess
from pathlib import Path


class WeirError(RuntimeError):
    """A command of weir that did not do what it should, with what it said."""


class Weir:
    """weir, run in one folder: `weir("check rules.toml")` is that command, typed there."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, command):
        """Runs a command, as a shell takes it, and returns what it printed."""
        program = os.environ.get("WEIR", "weir")
        # Jupyter asks programs for colours, which have no place in text that is read again.
        plain = {name: value for name, value in os.environ.items() if name != "CLICOLOR_FORCE"}
        try:
            done = subprocess.run(
                [program, *shlex.split(command)],
                cwd=self.folder,
                env=plain,
                capture_output=True,
                encoding="utf-8",
            )
        except FileNotFoundError:
            raise WeirError(f"there is no program {program!r}: put weir into PATH, or its path into $WEIR") from None
        if done.returncode != 0:
            said = "\n".join(text.strip() for text in (done.stdout, done.stderr) if text.strip())
            raise WeirError(f"weir {command}\nended with exit code {done.returncode}:\n{said}")
        return done.stdout

    def path(self, name):
        """Where a file of the folder is."""
        return self.folder / name

    def read(self, name):
        """The text of a file of the folder."""
        return self.path(name).read_text(encoding="utf-8")

    def json(self, name):
        """A JSON file of the folder, such as a report."""
        return json.loads(self.read(name))

    def write(self, name, text):
        """Puts a file into the folder."""
        self.path(name).write_text(text, encoding="utf-8")
