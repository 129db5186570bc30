"""Puts the figures of committed runs where they are told: python3 page.py [--check]

Makes the tables of every folder of benches/runs again from its run.json files, fills what is between `<!-- FILE: SECTION -->` and
`<!-- end -->` in docs/latency.md with that section of the newest run's FILE, and the rows of README.md that begin as one of its
aims. With --check nothing is written: exit code 1 where something would be.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "benches/latency"), str(ROOT / "benches/rivals")]
from rivals import rivals  # noqa: E402
from summary import summary  # noqa: E402

MADE_BY = {"summary.md": summary, "rivals.md": rivals}
PAGE, README = ROOT / "docs/latency.md", ROOT / "README.md"
MARKED = re.compile(r"<!-- (?P<file>\S+\.md): (?P<section>.+?) -->\n(?P<told>.*?)<!-- end -->", re.DOTALL)


def sections(text):
    """A text by its headings; what stands before the first of them is `run`."""
    first, *others = re.split(r"^## ", text, flags=re.MULTILINE)
    titled = dict(other.split("\n", 1) for other in others)
    return {"run": first.split("\n", 1)[1]} | titled


class Newest:
    """A file of the newest run that has one."""

    def __init__(self, file, texts):
        self.path = max(path for path in texts if path.name == file)
        self.sections = sections(texts[self.path])

    def section(self, name):
        """A section, with links as docs/ needs them."""
        folder = f"../{self.path.parent.relative_to(ROOT)}"
        told = re.sub(r"\]\((?!\w+:)", f"]({folder}/", self.sections[name].strip())
        return f"[benches/runs/{self.path.parent.name}/]({folder}/{self.path.name}): {told}" if name == "run" else told


def filled():
    """All that is made of runs, by path."""
    runs = sorted(path for path in (ROOT / "benches/runs").iterdir() if path.is_dir())
    texts = {run / file: make(run) for run in runs for file, make in MADE_BY.items() if (run / file).exists()}
    newest = {file: Newest(file, texts) for file in MADE_BY}

    def fill(marked):
        file, section = marked["file"], marked["section"]
        return f"<!-- {file}: {section} -->\n\n{newest[file].section(section)}\n\n<!-- end -->"

    page = PAGE.read_text()
    beside = [line for line in MARKED.sub("", page).splitlines() if line.startswith(("|", "!["))]
    if beside:
        sys.exit(f"{PAGE.name} tells what is of no run: {beside[0]}")
    readme = README.read_text()
    for aim in newest["summary.md"].sections["Aims"].strip().splitlines()[2:]:
        what = aim[: aim.index(" | ") + 3]
        readme, found = re.subn(rf"^{re.escape(what)}.*$", lambda _: aim, readme, flags=re.MULTILINE)
        if found != 1:
            sys.exit(f"{README.name} has {found} rows that begin with {what}")
    return texts | {PAGE: MARKED.sub(fill, page), README: readme}


if __name__ == "__main__":
    others = {path: text for path, text in filled().items() if path.read_text() != text}
    if "--check" in sys.argv:
        for path in others:
            print(f"{path.relative_to(ROOT)} is not what its runs say: python3 benches/support/page.py", file=sys.stderr)
        sys.exit(bool(others))
    for path, text in others.items():
        path.write_text(text)
        print(path.relative_to(ROOT))
