"""A sidecar to test from outside, certificates for it, and what a script of checks is run with."""

import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import httpx

RULES = """
[ruleset]
name = "contract"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[fields]
remark = "text"
[features]
count = { count = "*", by = "account", over = "1h" }
[lists]
bad = { key = "payee" }
[step_up]
expires = "10m"
attempts = 2
[auth.two]
all = [["fido", "otp"], ["biometric"]]
[[rule]]
id = "large"
when = "amount > 1_000_000"
then = "block"
[[rule]]
id = "notable"
when = "amount > 500_000"
then = "step_up"
auth = "two"
[[rule]]
id = "told"
when = "count > 0 or payee in bad"
then = "alert"
"""

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else "weir"


def now_us():
    return time.time_ns() // 1000


def payment(name, amount=250_000, **more):
    # A minute ago, so that the same payment is the same in every request of a check.
    return {"id": name, "time_us": START_US, "amount_minor": amount, "currency": "VND", "account": "acc-1", **more}


START_US = now_us() - 60_000_000


def problem(came, status, word):
    """Asserts that an answer is this problem, as RFC 9457 writes it."""
    assert came.status_code == status, (came.status_code, came.text)
    assert came.headers["content-type"] == "application/problem+json", came.headers
    said = came.json()
    assert said["type"] == f"urn:weir:problem:{word}", said
    assert said["status"] == status and isinstance(said["title"], str) and said["title"], said
    assert set(said) <= {"type", "title", "status", "detail", "event"}, said
    return said


class Weir:
    """`weir serve` in a folder of its own."""

    def __init__(self, *flags, config="", listen="127.0.0.1:0", rules=RULES):
        self.held = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.held.name)
        (self.folder / "rules.toml").write_text(rules)
        (self.folder / "weir.toml").write_text(config)
        self.flags = flags
        self.start(listen)

    def start(self, listen):
        command = [PROGRAM, "serve", "--config", "weir.toml", "--rules", "rules.toml", "--journal", "j",
                   "--listen", listen, *self.flags]
        self.process = subprocess.Popen(command, cwd=self.folder, stderr=subprocess.PIPE, text=True)
        self.log, seen = [], threading.Event()

        def read():
            for line in self.process.stderr:
                self.log.append(line)
                if " ready" in line or '"ready"' in line:
                    seen.set()
            seen.set()

        threading.Thread(target=read, daemon=True).start()
        assert seen.wait(60) and self.process.poll() is None, "".join(self.log)
        found = re.search(r"listening on (https?)://([0-9.]+):([0-9]+)", "".join(self.log))
        self.scheme, self.port = found[1], int(found[3])
        self.url = f"{self.scheme}://{'localhost' if self.scheme == 'https' else found[2]}:{self.port}"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        self.start(f"127.0.0.1:{self.port}")

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        if failed:
            self.kill()
            print("".join(self.log[-30:]), file=sys.stderr)
        else:
            self.process.terminate()
            assert self.process.wait(60) == 0, "".join(self.log)
            # Whatever was asked: a replay gives the same answers.
            run(PROGRAM, "replay", "--journal", "j", cwd=self.folder)
        with contextlib.suppress(OSError):
            self.held.cleanup()

    def journaled(self):
        """The records of the journal, as `weir journal show` tells them."""
        out = run(PROGRAM, "journal", "show", "--journal", "j", cwd=self.folder)
        return out


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **more)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


class Authority:
    """Makes certificates, by openssl."""

    def __init__(self, folder, name="authority"):
        self.folder, self.pem, self.key = folder, str(folder / f"{name}.pem"), str(folder / f"{name}.key")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", self.key, "-out", self.pem, "-days", "2", "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE")

    def certify(self, name):
        """Paths of a certificate of this name, and of its key."""
        at = self.folder / name
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{at}.key", "-out", f"{at}.csr", "-subj", f"/CN={name}")
        pathlib.Path(f"{at}.ext").write_text(f"subjectAltName=DNS:{name}\nbasicConstraints=CA:FALSE\n")
        run("openssl", "x509", "-req", "-in", f"{at}.csr", "-CA", self.pem, "-CAkey", self.key, "-CAcreateserial",
            "-days", "2", "-out", f"{at}.pem", "-extfile", f"{at}.ext")
        pathlib.Path(f"{at}.key").chmod(0o600)
        return f"{at}.pem", f"{at}.key"


def tool(name, *places):
    """Where a program is, or none after saying so."""
    found = shutil.which(name) or next((place for place in places if pathlib.Path(place).exists()), None)
    if not found:
        print(f"SKIPPED: no {name} here")
    return found


def client(weir, **more):
    return httpx.Client(base_url=weir.url, timeout=20, headers={"weir-timeout-ms": "15000"}, **more)


def main(checks):
    """Runs every function of a script that is called `check_...`."""
    checks = [(name, check) for name, check in checks.items() if name.startswith("check_")]
    assert checks
    for name, check in checks:
        begun = time.monotonic()
        note = check()
        print(f"ok {name} ({time.monotonic() - begun:.2f} s){f': {note}' if note else ''}", flush=True)
    print(json.dumps({"checks": len(checks)}))
