"""A small payment gateway beside weir: what it asks, what it reports, and what it does when nothing answers.

    python examples/gateway/gateway.py --weir target/release/weir

starts a sidecar in a folder of its own and plays scenes with it; `--url http://127.0.0.1:8420` plays them with one that runs.
Needs httpx. The rules are rules/vn/with-retail.toml: the law's step-ups for cards online, and a starter pack.
"""

import argparse
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import httpx

# How long a customer who waits at a till is kept waiting for us, retries and all.
PATIENCE_S = 2.0
# How long one try may take: what weir is told, so that it answers as is declared before we hang up.
TRY_S = 0.4
# How long to wait before asking again for what is decided later.
LATER_S = 0.05
# What may be another answer later. Everything else stands.
FOR_NOW = (502, 503, 504)


class Refused(Exception):
    """weir takes the event for wrong, and will again: a mistake of ours, or of whoever made the payment."""

    def __init__(self, problem):
        super().__init__(f"{problem.get('status')} {problem.get('type')}: {problem.get('detail', '')}")
        self.problem = problem


class Unanswered(Exception):
    """There was no answer in time. The event may have been taken in all the same."""


class Weir:
    """Asks weir, and asks again where that can help: an id that is known is answered as it was, and counts once."""

    def __init__(self, url, unix=None, token=None, tell=print):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        transport = httpx.HTTPTransport(uds=unix) if unix else None
        self.http = httpx.Client(base_url=url, transport=transport, headers=headers)
        self.tell = tell

    def post(self, path, event, patience_s=PATIENCE_S):
        until = time.monotonic() + patience_s
        tries = 0
        while True:
            tries += 1
            left = until - time.monotonic()
            wait = 0.0
            try:
                came = self.once(path, event, max(0.001, min(TRY_S, left)))
            except httpx.TransportError as error:
                # Connection refused, reset, or nothing in time: nobody knows whether it was taken in. Its id does.
                why = type(error).__name__
            else:
                if came.status_code < 300:
                    return came.json()
                if came.status_code not in FOR_NOW:
                    raise Refused(problem_of(came))
                why = f"{came.status_code} {problem_of(came).get('type', '')}"
                wait = retry_after_s(came)
            # By chance, so that gateways that were refused together don't come back together.
            wait += random.uniform(0, min(1.0, 0.02 * 2**tries))
            if time.monotonic() + wait >= until:
                raise Unanswered(f"{why}, {tries} tries")
            self.tell(f"    {why}: once more in {wait * 1000:.0f} ms, by the same id")
            time.sleep(wait)

    def decided(self, path, event, patience_s=PATIENCE_S):
        """An answer that has an outcome. The event may be taken for later: then its id is asked for again, until there is one."""
        until = time.monotonic() + patience_s
        while True:
            answer = self.post(path, event, max(0.001, until - time.monotonic()))
            if "outcome" in answer:
                return answer
            if answer.get("taken") != "later" or time.monotonic() + LATER_S >= until:
                raise Unanswered(f"{said(answer)}, and no outcome")
            self.tell("    taken, and decided later: asked for again, by the same id")
            time.sleep(LATER_S)

    def once(self, path, event, timeout_s):
        # The answer needs a moment to come back.
        tell_ms = max(1, int(timeout_s * 1000) - 20)
        return self.http.post(path, json=event, timeout=timeout_s, headers={"weir-timeout-ms": str(tell_ms)})

    def is_ready(self):
        try:
            return self.http.get("/readyz", timeout=1).status_code == 200
        except httpx.TransportError:
            return False


def retry_after_s(came):
    try:
        return float(came.headers.get("retry-after", 0))
    except ValueError:  # A date, as some proxies write: not weir.
        return 0.0


def problem_of(came):
    """The problem document, or something like it where a proxy answered."""
    if came.headers.get("content-type", "").startswith("application/problem+json"):
        return came.json()
    return {"status": came.status_code, "type": "", "detail": came.text[:200]}


class Late(Weir):
    """A weir whose answers to authentications come late: so many of them say no more than that they were taken."""

    def __init__(self, weir, times):
        self.http, self.tell, self.times = weir.http, weir.tell, times

    def post(self, path, event, patience_s=PATIENCE_S):
        if path.endswith("/authentication") and self.times > 0:
            self.times -= 1
            return {"id": event["id"], "taken": "later"}
        return super().post(path, event, patience_s)


class Gateway:
    """Takes a payment through its whole way: score, step up, authenticate, execute, report, reverse."""

    def __init__(self, weir, customer, patience_s=PATIENCE_S, tell=print):
        self.weir, self.customer, self.patience_s, self.tell = weir, customer, patience_s, tell
        # What could not be reported yet. A real gateway keeps this on disk, beside its payments.
        self.unreported = []

    def pay(self, payment):
        """Gives `executed`, `stopped` or `refused`."""
        self.tell(f"  {payment['id']}: {payment['amount_minor']:,} VND to {payment.get('payee')}")
        try:
            decision = self.weir.decided("/v1/decisions", payment, self.patience_s)
        except Refused as refused:
            self.tell(f"    refused: {refused}")
            return "refused"
        except Unanswered as unanswered:
            # The gateway's own rule, which weir knows nothing of: small payments go, others wait. It asks again later.
            small = payment["amount_minor"] <= 500_000
            self.tell(f"    no decision ({unanswered}): {'small, let through' if small else 'not small, stopped'}")
            self.unreported.append(("/v1/decisions", payment))
            return self.execute(payment) if small else "stopped"
        return self.follow(payment, decision)

    def follow(self, payment, decision):
        """Does what a decision says, until it lets the payment through or stops it."""
        for _ in range(10):
            self.tell("    " + said(decision))
            if decision["outcome"] == "allow":
                return self.execute(payment)
            if decision["outcome"] == "block":
                return "stopped"
            methods = self.customer.asked(decision.get("missing") or decision["auth"])
            authentication = {
                **about(payment, "auth"),
                "result": "succeeded" if methods else "failed",
                "methods": methods or decision["auth"][0][:1],
                "customer": payment.get("customer"),
                "account": payment["account"],
            }
            if "step_up" in decision:
                authentication["step_up"] = decision["step_up"]["id"]
            self.tell(f"    the customer {'shows ' + ', '.join(methods) if methods else 'fails'}")
            try:
                decision = self.weir.decided(f"/v1/decisions/{payment['id']}/authentication", authentication)
            except (Refused, Unanswered) as error:
                # Whoever was asked to step up is never let through without an outcome that says so.
                self.tell(f"    stopped: {error}")
                return "stopped"
        return "stopped"

    def execute(self, payment):
        # Here the money moves.
        self.report({"kind": "execution", **about(payment, "execution"), "result": "succeeded"})
        return "executed"

    def reverse(self, payment):
        self.report({"kind": "reversal", **about(payment, "reversal")})

    def report(self, event):
        """Tells weir what happened, now or later: what it does not know of does not count."""
        self.unreported.append(("/v1/events", event))
        self.catch_up()

    def catch_up(self):
        """Sends what weir may not know yet, in order, by the same ids."""
        while self.unreported:
            path, event = self.unreported[0]
            try:
                answer = self.weir.post(path, event)
            except Unanswered as unanswered:
                self.tell(f"    {len(self.unreported)} to report later ({unanswered})")
                return
            except Refused as refused:
                self.tell(f"    a report is refused, a person must look: {refused}")
            else:
                if answer.get("taken") == "later" or answer.get("durable") is False:
                    # It is not known to be on weir's disk: a second time is answered, and counts once.
                    self.tell("    taken and not on disk yet: sent again later")
                    return
                self.tell(f"    reported {event.get('kind', 'payment')}: {said(answer)}")
            self.unreported.pop(0)


class Customer:
    """Pretends to be one: shows what it can of what it is asked for."""

    def __init__(self, *methods):
        self.methods = methods

    def asked(self, required):
        """One method of each set, or none where one set can't be met."""
        shown = [next((method for method in of if method in self.methods), None) for of in required]
        return [] if None in shown else sorted(set(shown))


def said(answer):
    """An answer in a line."""
    if "outcome" not in answer:
        alert = f", ALERT {answer['alert']}" if "alert" in answer else ""
        return f"taken {answer.get('taken', '')}".strip() + alert
    parts = [answer["outcome"].replace("_", " ")]
    if answer.get("declared"):
        # It stands as any other: weir counts the payment as answered so.
        parts.append(f"as declared for {answer['declared']}")
    if answer.get("durable") is False:
        # Should weir be killed this moment it may not know; the report of the execution tells it, and asking again does.
        parts.append("not on disk yet")
    rules = [rule["id"] for rule in answer.get("rules", [])]
    if rules:
        parts.append("by " + ", ".join(rules))
    wanted = answer.get("missing") or answer.get("auth")
    if answer["outcome"] == "step_up" and wanted:
        parts.append("needs " + " and ".join(" or ".join(of) for of in wanted))
    return "; ".join(parts)


def now_us():
    return time.time_ns() // 1000


def about(payment, what):
    """What an event says that is about a payment: ids are one tenant's own, so the tenant goes with them."""
    return {"id": f"{what}-{uuid.uuid4()}", "time_us": now_us(), "transaction": payment["id"], "tenant": payment["tenant"]}


def payment(amount, payee, **more):
    """A payment of this moment with an id that nobody else has."""
    return {
        "id": f"pay-{uuid.uuid4()}", "time_us": now_us(), "amount_minor": amount, "currency": "VND",
        "tenant": "bank", "account": "acc-1", "customer": "c-1", "customer_kind": "individual",
        "instrument": "account", "payment_kind": "transfer", "payee": payee, "same_owner": False,
        "payer_institution": "bank-1", "payee_institution": "bank-2", "initiated_by": "customer",
        "channel": "web", "login_methods": ["password"],
        "extra": {"payee_instrument": "account", "approved_merchant": True}, **more,
    }


def by_card(amount, payee, **more):
    return payment(amount, payee, payment_kind="purchase", instrument="card", account="card-1", **more)


class Sidecar:
    """A weir of our own, to start and to kill."""

    def __init__(self, program, rules, folder):
        self.command = [program, "serve", "--rules", rules, "--journal", f"{folder}/journal"]
        # Where there is no decision in time: what the law asks of the payment by itself, and otherwise let it through.
        self.declares = {"WEIR_DECLARED_DEADLINE": "own_fields", "WEIR_DECLARED_OVERLOAD": "own_fields"}
        self.url = self.start("127.0.0.1:0")

    def start(self, listen):
        self.process = subprocess.Popen([*self.command, "--listen", listen], stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **self.declares})
        for line in self.process.stderr:
            if found := re.search(r"listening on (http://[0-9.:]+)", line):
                # Nobody reads the rest of its log, and it must not wait for that.
                threading.Thread(target=self.process.stderr.read, daemon=True).start()
                return found[1]
        sys.exit("the sidecar does not start")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def start_again(self):
        self.start(self.url.removeprefix("http://"))

    def end(self):
        self.process.terminate()
        return self.process.wait()


def scenes(weir, sidecar):
    """Each gives what became of its payment, so that whoever runs this can see whether it went as it should."""
    went = {}

    def scene(name, expected, payment, customer=None, act=None, patience_s=PATIENCE_S, weir=weir):
        print(f"\n{name}")
        gateway = Gateway(weir, customer or Customer(), patience_s)
        went[name] = ((act or Gateway.pay)(gateway, payment), expected)
        print(f"    -> {went[name][0]}")
        return gateway

    scene("A small transfer is let through", "executed", payment(250_000, "shop-1"))
    scene("A large card payment is confirmed", "executed", by_card(20_000_000, "shop-1"),
          Customer("sms_otp", "fido", "biometric_chip", "device_biometric"))
    bought = by_card(8_000_000, "shop-2")
    gateway = scene("One is confirmed, and given back", "executed", bought, Customer("sms_otp", "device_biometric"))
    gateway.reverse(bought)
    scene("A customer who fails is stopped in the end", "stopped", by_card(30_000_000, "shop-3"))

    shows = Customer("sms_otp", "device_biometric")
    scene("An answer to what the customer shows that comes late is waited for", "executed", by_card(8_100_000, "shop-4"),
          shows, weir=Late(weir, 2))
    scene("... and where none comes, nothing is let through", "stopped", by_card(8_200_000, "shop-5"), shows,
          weir=Late(weir, 1_000_000))

    print("\n  (the list of suspected fraud gets an entry)")
    weir.post("/v1/events", {"kind": "list", "id": f"list-{uuid.uuid4()}", "time_us": now_us(), "list": "simo",
                             "entry": "mule-9", "action": "put", "level": 3})
    scene("A payment to a suspected payee is blocked", "stopped", payment(300_000, "mule-9"))

    first = payment(100_000, "shop-1")
    scene("One id stands for one payment", "executed", first)
    scene("... and with another amount it is refused (409)", "refused", {**first, "amount_minor": 900_000})

    def hurried(gateway, paid):
        """weir gets one millisecond: what is declared for that, a quick answer, or 503 and then another try."""
        try:
            came = weir.once("/v1/decisions", paid, 0.021)
        except httpx.TransportError as error:
            gateway.tell(f"    within a millisecond: {type(error).__name__}")
        else:
            what = said(came.json()) if came.status_code == 200 else problem_of(came).get("type")
            gateway.tell(f"    within a millisecond: {came.status_code} {what}")
        return gateway.pay(paid)

    scene("Too little time, and the same id again", "executed", payment(120_000, "shop-1"), act=hurried)
    if sidecar:
        def dies(gateway, paid):
            sidecar.kill()
            gateway.tell("    (weir is killed, and comes back)")
            threading.Timer(0.3, sidecar.start_again).start()
            return gateway.pay(paid)

        scene("weir dies, and is there again while the customer waits", "executed", payment(800_000, "shop-1"),
              act=dies, patience_s=20.0)
        sidecar.kill()
        small = payment(90_000, "shop-1")
        gateway = scene("weir is gone, and the gateway goes by its own rule", "executed", small)
        print("    (weir comes back)")
        sidecar.start_again()
        while not weir.is_ready():
            time.sleep(0.05)
        while gateway.unreported:
            gateway.catch_up()
    return went


def main():
    here = pathlib.Path(__file__).resolve().parents[2]
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--weir", help="the program: starts a sidecar in a new folder, and kills it in two scenes")
    arguments.add_argument("--rules", default=str(here / "rules/vn/with-retail.toml"), help="the rules it is started with")
    arguments.add_argument("--url", default="http://127.0.0.1:8420", help="a sidecar that runs")
    arguments.add_argument("--unix", help="its Unix socket")
    arguments.add_argument("--token", help="who we are")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sidecar = Sidecar(given.weir, given.rules, folder) if given.weir else None
        weir = Weir(sidecar.url if sidecar else given.url, given.unix, given.token)
        for _ in range(200):
            if weir.is_ready():
                break
            time.sleep(0.05)
        else:
            sys.exit("weir is not ready")
        try:
            went = scenes(weir, sidecar)
        finally:
            code = sidecar.end() if sidecar else 0
    wrong = [name for name, (was, expected) in went.items() if was != expected]
    print(f"\n{len(went)} scenes, {len(went) - len(wrong)} as expected")
    sys.exit(f"otherwise than expected: {wrong}" if wrong else code)


if __name__ == "__main__":
    main()
