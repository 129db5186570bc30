"""How the notebooks' plots look: one colour for each thing, everywhere, and axes in dong, shares and days.

The colours are those of Okabe and Ito, which colour-blind people tell apart.
"""

import matplotlib.dates as dates
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter

BLUE, SKY, GREEN, ORANGE, RED, PURPLE = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
GREY, PALE = "#7A7A7A", "#CFCFCF"

FRAUD, GENUINE, UNKNOWN = RED, BLUE, PALE
FATES = {"block": RED, "step_up": ORANGE, "alert only": SKY, "let through": PALE}
SERIES = [BLUE, ORANGE, GREEN, PURPLE]
KINDS = {"takeover": RED, "mule": BLUE, "splitting": GREEN, "shared_device": PURPLE, "card_testing": ORANGE}

plt.rcParams.update(
    {
        "figure.figsize": (9, 4),
        "figure.dpi": 110,
        "figure.facecolor": "white",
        "figure.constrained_layout.use": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#E6E6E6",
        "legend.frameon": False,
        "font.size": 9.5,
    }
)


def dong(amount):
    """An amount of dong, short: 1.5 bn, 20 m, 300 k."""
    for size, name in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(amount) >= size:
            return f"{amount / size:.3g} {name}"
    return f"{amount:.0f}"


def in_dong(axis):
    """An axis of amounts."""
    axis.set_major_formatter(FuncFormatter(lambda amount, _: dong(amount)))


def in_percent(axis):
    """An axis of shares from 0 to 1."""
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.3g} %"))


def in_days(axis):
    """An axis of dates."""
    axis.set_major_locator(dates.AutoDateLocator(maxticks=10))
    axis.set_major_formatter(dates.ConciseDateFormatter(axis.get_major_locator()))


def percent(share):
    """A share as text."""
    return f"{100 * share:.1f} %"


def value(estimate):
    """A share of report.json without its range; nothing where there is none."""
    return None if estimate is None else estimate["value"]


def told(estimate):
    """A share of report.json as text, with its range; a dash where there is none, as in weir's reports."""
    if estimate is None:
        return "–"
    ranged = "" if estimate["low"] is None else f" ({percent(estimate['low'])} to {percent(estimate['high'])})"
    return percent(estimate["value"]) + ranged


def stacked(axes, table, names, colours):
    """For each row of a table a bar, with the columns that `colours` names one behind the other."""
    begin = [0] * table.height
    for column, colour in colours.items():
        if column in table.columns:
            bars = axes.barh(table[names], table[column], left=begin, color=colour, label=column)
            texts = [f"{n:,.0f}" if n else "" for n in table[column]]
            axes.bar_label(bars, labels=texts, label_type="center", fontsize=7)
            begin = [before + n for before, n in zip(begin, table[column], strict=True)]
    axes.grid(axis="y", visible=False)
