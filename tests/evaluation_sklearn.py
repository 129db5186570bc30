"""Measures FOLDER/payments.csv with scikit-learn and prints the figures as JSON.

Its columns are label (1 fraud, 0 genuine, empty unknown), weight, score, day, account, and one of 0 and 1 for each row of figures.
Card precision is not in scikit-learn: here it is twice, as the Fraud Detection Handbook describes it, which leaves equal scores to the
order of a sort, and with equal scores sharing the last places. tests/evaluation_sklearn.rs compares.
"""

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_score,
    recall_score,
    roc_auc_score,
)

K = 100


def days_of(payments):
    """Accounts by day, days in order: each with its highest score and whether it had a fraud."""
    days = defaultdict(dict)
    for payment in payments:
        accounts = days[int(payment["day"])]
        score, compromised = accounts.get(payment["account"], (None, False))
        own = int(payment["score"])
        highest = own if score is None else max(score, own)
        accounts[payment["account"]] = (highest, compromised or payment["label"] == "1")
    return [days[day] for day in sorted(days)]


def card_precision_sorted(days):
    """The first K of the sorted accounts that were not found on an earlier day."""
    found = set()
    precisions = []
    for accounts in days:
        looked_at = [account for account in accounts if account not in found]
        looked_at.sort(key=lambda account: accounts[account][0], reverse=True)
        compromised = {account for account in looked_at[:K] if accounts[account][1]}
        found |= compromised
        precisions.append(len(compromised) / K)
    return float(numpy.mean(precisions))


def card_precision_shared(days):
    """The same where equal scores share the last places: each account is looked at, and found, by a share of itself."""
    left = {}
    precisions = []
    for accounts in days:
        by_score = defaultdict(list)
        for account, (score, _) in accounts.items():
            by_score[score].append(account)
        places, found = float(K), 0.0
        for score in sorted(by_score, reverse=True):
            there = sum(left.get(account, 1.0) for account in by_score[score])
            share = 1.0 if there <= places else places / there
            for account in by_score[score]:
                if accounts[account][1]:
                    found += left.get(account, 1.0) * share
                    left[account] = left.get(account, 1.0) * (1.0 - share)
            places = max(0.0, places - there)
        precisions.append(found / K)
    return float(numpy.mean(precisions))


with (Path(sys.argv[1]) / "payments.csv").open() as file:
    payments = [payment for payment in csv.DictReader(file) if payment["label"] != ""]

label = numpy.array([int(payment["label"]) for payment in payments])
weight = numpy.array([float(payment["weight"]) for payment in payments])
score = numpy.array([int(payment["score"]) for payment in payments])
days = days_of(payments)
figures = {
    "roc_area": roc_auc_score(label, score, sample_weight=weight),
    "average_precision": average_precision_score(label, score, sample_weight=weight),
    "card_precision_sorted": card_precision_sorted(days),
    "card_precision_shared": card_precision_shared(days),
}
rows = {}
for name in set(payments[0]) - {"label", "weight", "score", "day", "account"}:
    flagged = numpy.array([int(payment[name]) for payment in payments])
    (right, wrong), _ = confusion_matrix(label, flagged, sample_weight=weight, labels=[0, 1])
    rows[name] = {
        "precision": precision_score(label, flagged, sample_weight=weight),
        "recall": recall_score(label, flagged, sample_weight=weight),
        "false_positive_rate": wrong / (right + wrong),
    }
print(json.dumps({"payments": len(payments), "figures": figures, "rows": rows}, default=float))
