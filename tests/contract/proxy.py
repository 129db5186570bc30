"""nginx in front, as a reverse proxy: connections that it keeps, what it passes on, and what it sends twice."""

import concurrent.futures
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time

import httpx

from common import Weir, main, now_us, payment, problem, tool

NGINX = tool("nginx", "/usr/sbin/nginx")

CONFIG = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 4m;
    upstream weir {{
        {servers}
        keepalive 16;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://weir;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_connect_timeout 1s;
            proxy_read_timeout {read_timeout};
            {more}
        }}
    }}
}}
"""


class Nginx:
    def __init__(self, servers, more="", read_timeout="20s"):
        self.held = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.held.name)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        servers = "\n".join(f"server {server};" for server in servers)
        config = CONFIG.format(folder=self.folder, servers=servers, port=self.port, more=more, read_timeout=read_timeout)
        (self.folder / "nginx.conf").write_text(config)
        self.process = subprocess.Popen([NGINX, "-p", str(self.folder), "-c", "nginx.conf"], stderr=subprocess.PIPE)
        self.url = f"http://127.0.0.1:{self.port}"
        for _ in range(200):
            if self.process.poll() is not None:
                raise AssertionError(self.process.stderr.read())
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.held.cleanup()

    def client(self, **more):
        return httpx.Client(base_url=self.url, timeout=20, headers={"weir-timeout-ms": "15000"}, **more)


class Between:
    """Passes requests on to weir one connection at a time, and breaks each before the answer, `breaks` times."""

    def __init__(self, port, breaks):
        self.port, self.breaks, self.broken = port, breaks, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(near,), daemon=True).start()

    def one(self, near):
        with near, socket.create_connection(("127.0.0.1", self.port)) as far:
            while part := near.recv(65536):
                far.sendall(part)
                # A request of these checks ends with a brace; its answer is there once weir has decided.
                if part.endswith(b"}"):
                    answer = far.recv(65536)
                    if self.broken < self.breaks:
                        self.broken += 1
                        return
                    near.sendall(answer)


def upstreams(weir):
    """The sidecar's addresses as nginx names them."""
    return {"TCP": f"127.0.0.1:{weir.port}", "a Unix socket": f"unix:{weir.folder}/weir.sock"}


def connections(port):
    """How many TCP connections to a port there are, or were a moment ago."""
    of = f":{port:04X}"
    rows = [row.split() for row in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(of) or row[1].endswith(of) and row[3] == "06" for row in rows)


def check_decisions_go_through_on_connections_that_are_kept():
    with Weir("--unix", "weir.sock", config="[declared]\ndeadline = \"block\"\noverload = \"block\"\n") as weir:
        for name, upstream in upstreams(weir).items():
            with Nginx([upstream]) as nginx, nginx.client() as http:
                def decide(at):
                    return http.post("/v1/decisions", json=payment(f"{name}-{at}"))

                with concurrent.futures.ThreadPoolExecutor(8) as pool:
                    came = list(pool.map(decide, range(400)))
                assert all(one.status_code == 200 and one.json()["outcome"] == "allow" for one in came)
                if name == "TCP":
                    kept = connections(weir.port)
                    assert kept <= 32, f"{kept} connections for 400 requests"
                # Problems come through as they are, and what the client says of its patience too.
                problem(http.post("/v1/decisions", json=payment(f"{name}-0", 1)), 409, "id-reused")
                hurried = 0
                for at in range(40):
                    one = payment(f"{name}-late-{at}", time_us=now_us() + 5_000_000)
                    came = http.post("/v1/decisions", json=one, headers={"weir-timeout-ms": "0"})
                    # Declared, or decided and not on disk yet: either way the deadline was passed on.
                    hurried += came.json().get("durable") is False
                assert hurried, "the deadline's header is not passed on"
        return f"400 requests each over TCP ({kept} connections) and a Unix socket"


def check_big_bodies():
    with Weir("--unix", "weir.sock") as weir:
        for upstream in upstreams(weir).values():
            for more in ("proxy_request_buffering on;", "proxy_request_buffering off;"):
                with Nginx([upstream], more) as nginx, nginx.client() as http:
                    many = [payment(f"m-{at}", extra={"remark": "r" * 400}) for at in range(1_000)]
                    assert len(json.dumps(many)) > 500_000
                    came = http.post("/v1/decisions:batch", json=many)
                    assert came.status_code == 200, came.text
                    answers = came.json()["answers"]
                    assert [answer["id"] for answer in answers] == [one["id"] for one in many]
                    # More than weir takes: its own answer, or the proxy's where weir has hung up while it still sent.
                    # nginx may close such a connection without a word, so each has its own.
                    for mib, statuses in [(2, (413, 502)), (3, (413, 502)), (5, (413,))]:
                        with nginx.client() as alone:
                            came = alone.post("/v1/decisions", content=b" " * (mib << 20))
                        assert came.status_code in statuses, came.status_code
                        assert mib < 5 or b"nginx" in came.content, came.text
                    assert http.post("/v1/decisions", json=many[0]).status_code == 200


def check_a_client_that_goes_away():
    with Weir() as weir, Nginx([upstreams(weir)["TCP"]]) as nginx, nginx.client() as http:
        bodies = [payment(f"g-{at}", 100_000 + at) for at in range(50)]
        for at, body in enumerate(bodies):
            raw = json.dumps(body).encode()
            with socket.create_connection(("127.0.0.1", nginx.port)) as tcp:
                tcp.sendall(b"POST /v1/decisions HTTP/1.1\r\nhost: w\r\ncontent-length: %d\r\n\r\n" % len(raw))
                tcp.sendall(raw[:-1] if at % 5 == 0 else raw)
                time.sleep(0.001 * (at % 7))
        for body in bodies:
            came = http.post("/v1/decisions", json=body)
            assert came.status_code == 200 and "declared" not in came.json(), came.text
            assert http.post("/v1/decisions", json=body).content == came.content


def check_what_nginx_sends_again_is_decided_once():
    # By default nginx sends no POST again once it was sent; whoever has ids may tell it to.
    again = "proxy_next_upstream error timeout non_idempotent; proxy_next_upstream_tries 3;"
    with Weir() as weir:
        for more, passes in [(again, True), ("", False)]:
            between = Between(weir.port, breaks=5)
            # The first breaks after weir has decided, the second is asked then, which knows the id.
            servers = [f"{between.address} max_fails=0", f"{upstreams(weir)['TCP']} max_fails=0"]
            with Nginx(servers, more) as nginx, nginx.client() as http:
                statuses = []
                for at in range(20):
                    body = payment(f"{passes}-{at}", 100_000 + at)
                    came = http.post("/v1/decisions", json=body)
                    statuses.append(came.status_code)
                    direct = httpx.post(f"{weir.url}/v1/decisions", json=body, headers={"weir-timeout-ms": "15000"})
                    assert direct.status_code == 200
                    if came.status_code == 200:
                        assert direct.content == came.content, (came.text, direct.text)
                    # It was decided by the first request: a window that counts it twice would tell.
                    counted = direct.json()["features"]["count"]["value"]
                    assert counted == at + 1 + (0 if passes else 20), counted
                assert between.broken == 5
                assert statuses.count(200) == (20 if passes else 15), statuses
                assert set(statuses) <= {200, 502}, statuses
            between.listener.close()
        return "5 of 20 broke after the decision: all answered, or 5 times 502 where nginx may not send again"


def check_weir_goes_away_behind_it():
    with Weir() as weir, Nginx([f"{upstreams(weir)['TCP']} max_fails=0"]) as nginx, nginx.client() as http:
        body = payment("before")
        first = http.post("/v1/decisions", json=body)
        weir.kill()
        came = http.post("/v1/decisions", json=payment("meanwhile"))
        assert came.status_code == 502, came.text
        weir.restart()
        # The connection that nginx had kept is gone; it makes another.
        until = time.monotonic() + 20
        while (came := http.post("/v1/decisions", json=body)).status_code != 200:
            assert time.monotonic() < until and came.status_code in (502, 503), came.text
            time.sleep(0.05)
        assert came.content == first.content, "as before it was killed"
        assert http.post("/v1/decisions", json=payment("meanwhile")).status_code == 200


if __name__ == "__main__":
    if NGINX and os.name == "posix":
        main(dict(globals()))
