"""The description of the interface, taken at its word: each of its examples is sent, and answered as it says."""

import jsonschema

from common import Weir, client, main

# What the examples are of.
RULES = """
[ruleset]
name = "examples"
time_zone = "Asia/Ho_Chi_Minh"
currency = "VND"
[auth.strong]
all = [["fido", "soft_otp"]]
[step_up]
expires = "5m"
attempts = 3
[lists]
suspected = { key = "payee" }
[features]
paid_24h = { sum = "amount", by = "account", over = "24h" }
[[rule]]
id = "large"
when = "(amount > 10_000_000 and paid_24h > 0) or payee in suspected"
then = "step_up"
auth = "strong"
reason = { en = "A large payment" }
"""


def operations(document):
    """Each with its path and method, those that tell something before those that ask."""
    found = [(path, method, said) for path, methods in document["paths"].items() for method, said in methods.items()]
    return sorted(found, key=lambda operation: operation[1] == "get")


def concrete(path, said):
    """A path with its parameters' examples."""
    for parameter in said["parameters"]:
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", parameter["example"])
    return path


def faults(document, schema, value):
    whole = {**schema, "components": document["components"]}
    return [error.message for error in jsonschema.Draft202012Validator(whole).iter_errors(value)]


def check_every_example_is_answered_as_it_says():
    with Weir(rules=RULES) as weir, client(weir) as http:
        came = http.get("/openapi.json")
        document = came.json()
        assert document["openapi"].startswith("3.1"), document["openapi"]
        sent = shown = 0
        for path, method, said in operations(document):
            for status, response in said["responses"].items():
                for content in response.get("content", {}).values():
                    for name, example in content.get("examples", {}).items():
                        wrong = faults(document, content["schema"], example["value"])
                        assert not wrong, (method, path, status, name, wrong)
                        shown += 1
            # `tests/interface.rs` asks the other listener.
            if "clients" not in said["x-listeners"]:
                continue
            content = said.get("requestBody", {}).get("content", {}).get("application/json", {})
            for name, example in content.get("examples", {"asked": {"x-answered": 200}}).items():
                status, at = example["x-answered"], (method, path, name)
                more = {"json": example["value"]} if "value" in example else {}
                if more:
                    wrong = faults(document, content["schema"], example["value"])
                    assert bool(wrong) == (status == 400), (at, wrong)
                came = http.request(method.upper(), concrete(path, said), **more)
                assert came.status_code == status, (at, came.status_code, came.text)
                kind = came.headers["content-type"].split(";")[0]
                answers = said["responses"][str(status)]["content"]
                assert kind in answers, (at, kind)
                if kind.endswith("json"):
                    wrong = faults(document, answers[kind]["schema"], came.json())
                    assert not wrong, (at, wrong, came.text)
                sent += 1
        assert sent > 20 and shown > 10, (sent, shown)
        return f"{sent} requests, {shown} answers that it shows"


if __name__ == "__main__":
    main(dict(globals()))
