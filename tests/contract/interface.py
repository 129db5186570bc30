"""What the interface promises, asked with httpx over HTTP/1.1 and HTTP/2, over TCP, TLS and a Unix socket."""

import asyncio
import pathlib
import ssl
import subprocess
import tempfile

import httpx

from common import PROGRAM, Authority, Weir, client, main, now_us, payment, problem


def dialogue(http, version):
    """The whole way of some payments; gives how many requests there were."""
    asked = []

    def post(path, body, **more):
        came = http.post(path, json=body, **more)
        assert came.http_version == version, came.http_version
        assert came.headers["x-request-id"], came.headers
        asked.append(path)
        return came

    came = post("/v1/decisions", payment("small"), headers={"x-request-id": "mine-1"})
    assert came.status_code == 200 and came.headers["content-type"] == "application/json", came.text
    assert came.headers["x-request-id"] == "mine-1"
    small = came.json()
    assert (small["id"], small["outcome"], small.get("durable", True)) == ("small", "allow", True), small
    assert post("/v1/decisions", payment("small")).content == came.content, "the same again, byte for byte"
    assert problem(post("/v1/decisions", payment("small", 251_000)), 409, "id-reused")["event"] == "small"
    assert post("/v1/decisions", payment("large", 2_000_000)).json()["outcome"] == "block"

    # A step-up: shown wrong, half, and whole.
    asks = post("/v1/decisions", payment("notable", 700_000)).json()
    assert asks["outcome"] == "step_up" and sorted(asks["auth"]) == [["biometric"], ["fido", "otp"]], asks

    def shows(name, result, *methods):
        body = {"id": name, "time_us": now_us(), "result": result, "methods": methods, "account": "acc-1",
                "step_up": asks["step_up"]["id"]}
        return post("/v1/decisions/notable/authentication", body)

    half = shows("a-1", "succeeded", "otp").json()
    assert half["outcome"] == "step_up" and half["missing"] == [["biometric"]], half
    whole = shows("a-2", "succeeded", "otp", "biometric")
    assert whole.json()["outcome"] == "allow" and whole.json()["transaction"] == "notable", whole.text
    assert shows("a-2", "succeeded", "otp", "biometric").status_code == 409, "another time, another content"
    other = post("/v1/decisions/notable/authentication",
                 {"id": "a-3", "time_us": now_us(), "result": "succeeded", "transaction": "small"})
    problem(other, 400, "bad-event")
    # Failed until it is blocked.
    asks = post("/v1/decisions", payment("failing", 700_000)).json()
    outcomes = []
    for at in range(2):
        body = {"id": f"f-{at}", "time_us": now_us(), "result": "failed", "methods": ["otp"], "account": "acc-1"}
        outcomes.append(post("/v1/decisions/failing/authentication", body).json()["outcome"])
    assert outcomes == ["step_up", "block"], outcomes

    # Other events; each again, which counts once.
    for event in [
        {"kind": "execution", "id": "x-1", "transaction": "small", "result": "succeeded"},
        {"kind": "reversal", "id": "r-1", "transaction": "small"},
        {"kind": "login", "id": "l-1", "customer": "c", "result": "failed"},
        {"kind": "change", "id": "c-1", "customer": "c", "what": "password"},
        {"kind": "label", "id": "b-1", "transaction": "small", "label": "fraud"},
        {"kind": "list", "id": "i-1", "list": "bad", "entry": "p", "action": "put"},
    ]:
        event["time_us"] = now_us()
        for _ in range(2):
            came = post("/v1/events", event)
            assert came.status_code == 200 and came.json() == {"id": event["id"], "taken": True}, came.text
    alert = post("/v1/events", {"kind": "execution", "id": "x-2", "transaction": "large", "result": "succeeded",
                                "time_us": now_us()}).json()
    assert alert["alert"] == "executed_not_allowed", alert
    unknown = {"kind": "list", "id": "i-2", "list": "none", "entry": "p", "action": "put", "time_us": now_us()}
    problem(post("/v1/events", unknown), 422, "unknown-list")

    # Many: an answer each, in their order, whatever becomes of the others.
    many = [payment(f"many-{at}", 1_000 * at + 1) for at in range(300)]
    many[7] = {"id": "many-7"}
    many[9] = payment("small", 1)
    came = post("/v1/decisions:batch", many)
    answers = came.json()["answers"]
    assert came.status_code == 200 and len(answers) == 300
    assert answers[7]["status"] == 400 and answers[9]["status"] == 409, (answers[7], answers[9])
    decided = [answer for answer in answers if "status" not in answer]
    assert [answer["id"] for answer in decided] == [f"many-{at}" for at in range(300) if at not in (7, 9)], answers
    assert post("/v1/decisions:batch", []).json() == {"answers": []}
    for path in ("/healthz", "/readyz"):
        came = http.get(path)
        assert came.status_code == 200 and came.json()["status"] in ("ok", "ready"), came.text
    return f"{len(asked)} requests"


def check_http_1_over_tcp():
    with Weir() as weir, client(weir) as http:
        return dialogue(http, "HTTP/1.1")


def check_http_1_over_a_unix_socket():
    with Weir("--unix", "weir.sock") as weir:
        path = str(weir.folder / "weir.sock")
        assert pathlib.Path(path).stat().st_mode & 0o777 == 0o660
        with client(weir, transport=httpx.HTTPTransport(uds=path)) as http:
            return dialogue(http, "HTTP/1.1")


def check_http_2_over_tls():
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(pathlib.Path(folder))
        chain, key = authority.certify("localhost")
        trust = ssl.create_default_context(cafile=authority.pem)
        with Weir("--tls-cert", chain, "--tls-key", key) as weir:
            with client(weir, http2=True, verify=trust) as http:
                note = dialogue(http, "HTTP/2")

            async def many():
                limits = httpx.Limits(max_connections=1)
                async with httpx.AsyncClient(base_url=weir.url, http2=True, verify=trust, limits=limits,
                                             timeout=20, headers={"weir-timeout-ms": "15000"}) as http:
                    asks = [http.post("/v1/decisions", json=payment(f"m-{at}")) for at in range(300)]
                    return await asyncio.gather(*asks)

            came = asyncio.run(many())
            assert all(one.status_code == 200 for one in came), [one.text for one in came if one.status_code != 200]
            return f"{note}, and 300 at once on one connection"


def check_every_error_is_a_problem():
    shown = "4111111111111111"
    config = "[bounds]\nbody_bytes_max = \"16KiB\"\nbatch_events_max = 10\n"
    with Weir(config=config) as weir, client(weir) as http:
        good = payment("p")
        cases = [
            ("GET", "/", None, 404, "no-such-path"),
            ("GET", "/v1/decisions:batch", None, 405, "method"),
            ("DELETE", "/v1/decisions", None, 405, "method"),
            ("POST", "/v1/decisions", b"", 400, "bad-event"),
            ("POST", "/v1/decisions", b"{", 400, "bad-event"),
            ("POST", "/v1/decisions", b"[]", 400, "bad-event"),
            ("POST", "/v1/decisions", b"\xff\xfe", 400, "bad-event"),
            ("POST", "/v1/decisions", b"[" * 5_000, 400, "bad-event"),
            ("POST", "/v1/decisions", {**good, "acount": shown}, 400, "bad-event"),
            ("POST", "/v1/decisions", {**good, "amount_minor": shown}, 400, "bad-event"),
            ("POST", "/v1/decisions", {**good, "kind": "login"}, 400, "bad-event"),
            ("POST", "/v1/decisions", {**good, "answered": "allow"}, 400, "bad-event"),
            ("POST", "/v1/decisions", {**good, "extra": {"otp": shown}}, 400, "secret"),
            ("POST", "/v1/decisions", {**good, "currency": "EUR"}, 422, "currency"),
            ("POST", "/v1/decisions", {**good, "time_us": now_us() + 3_600_000_000}, 422, "future"),
            ("POST", "/v1/decisions", {**good, "extra": {"remark": "x" * 20_000}}, 413, "body-too-large"),
            ("POST", "/v1/decisions:batch", [good] * 11, 413, "batch-too-large"),
            ("POST", "/v1/decisions:batch", good, 400, "bad-event"),
            ("POST", "/v1/events", {"kind": "nothing"}, 400, "bad-event"),
            ("POST", f"/v1/decisions/{'x' * 3_000}/authentication", good, 414, "url-too-long"),
        ]
        seen = []
        for method, path, body, status, word in cases:
            more = {"content": body} if isinstance(body, bytes) else {"json": body}
            came = http.request(method, path, **(more if body is not None else {}))
            assert shown not in came.text, came.text
            seen.append(((method, path[:40], status, word), came))
        wrong = []
        for case, came in seen:
            try:
                problem(came, *case[2:])
            except AssertionError as error:
                wrong.append((case, error))
        assert not wrong, wrong
        # Nothing of it stays: the payment is as new.
        assert http.post("/v1/decisions", json=good).status_code == 200
        return f"{len(cases)} of them"


def check_who_asks_is_known_first():
    made = subprocess.run([PROGRAM, "access", "new", "--name", "gateway", "--scope", "score", "--tenant", "north"],
                          capture_output=True, text=True, check=True)
    token = made.stderr.strip().splitlines()[-1]
    with tempfile.TemporaryDirectory() as folder:
        access = pathlib.Path(folder) / "access.toml"
        access.write_text(made.stdout)
        access.chmod(0o600)
        with Weir("--access", str(access)) as weir, client(weir) as http:
            came = http.post("/v1/decisions", json=payment("p"))
            problem(came, 401, "unauthenticated")
            assert came.headers["www-authenticate"].startswith("Bearer"), came.headers
            http.headers["authorization"] = f"Bearer {token}"
            assert http.post("/v1/decisions", json=payment("p")).json()["tenant"] == "north"
            problem(http.post("/v1/decisions", json=payment("q", tenant="south")), 403, "tenant")
            came = http.post("/v1/events", json={"kind": "login"})
            problem(came, 403, "scope")
            assert "insufficient_scope" in came.headers["www-authenticate"], came.headers
            http.headers["authorization"] = f"Bearer {token[:-1]}0{token[-1]}"
            assert token not in problem(http.post("/v1/decisions", json=payment("p")), 401, "unauthenticated")["detail"]
            assert http.get("/healthz").status_code == 200
            assert not any(token in line for line in weir.log)


def check_unknown_fields_are_kept_where_that_is_said():
    with Weir(config="[events]\nunknown_fields = \"keep\"\n") as weir, client(weir) as http:
        first = http.post("/v1/decisions", json=payment("p", colour="red", extra={"remark": "r", "other": 1}))
        assert first.status_code == 200, first.text
        again = http.post("/v1/decisions", json=payment("p", extra={"remark": "r"}))
        assert again.content == first.content, "what was left out tells no two apart"
        problem(http.post("/v1/decisions", json=payment("p", extra={"remark": "other"})), 409, "id-reused")


def check_a_deadline_is_kept_and_said():
    config = "[declared]\ndeadline = \"block\"\noverload = \"block\"\n"
    with Weir(config=config) as weir, client(weir) as http:
        told = []
        for at in range(50):
            # Ahead of the start, so that nothing may have been told of it before.
            one = payment(f"p-{at}", time_us=now_us() + 5_000_000)
            came = http.post("/v1/decisions", json=one, headers={"weir-timeout-ms": "0"})
            said = came.json()
            if came.status_code == 503:
                assert came.headers["retry-after"].isdigit() or said["type"].endswith("deadline"), came.headers
                continue
            assert came.status_code == 200, came.text
            told.append(said)
            if "declared" in said:
                assert said["outcome"] == "block" and said["durable"] is False, said
            again = http.post("/v1/decisions", json=one)
            assert again.json()["outcome"] == said["outcome"], (said, again.text)
        causes = [said["declared"] for said in told if "declared" in said]
        hurried = sum(said.get("durable") is False for said in told)
        assert hurried and set(causes) <= {"deadline", "overload"}, told
        return f"of {len(told)} {hurried} were not on disk by then, {len(causes)} of them declared, and all stood"


if __name__ == "__main__":
    main(dict(globals()))
