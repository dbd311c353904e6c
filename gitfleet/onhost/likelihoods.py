"""The defaults of the model: priors, likelihoods, caps and losses. All of them are here, and nowhere else.

**Where the numbers come from.** There is no published frequency table of what developers' machines leave behind; these are
judgements, written as frequencies so that one can disagree with one of them at a time, and checked against the labelled
corpus of real processes in `tests/onhost/corpus` (calibration is a row of `scripts/bench`). The form is naive Bayes over bins
(never a density: one at 0 % CPU decides everything by itself). A bin that was never seen still has a frequency, and every
factor has a cap, so that no weak feature decides.

**Why the marker of an ended session may weigh 14 bits, and the strongest evidence 18.** With m candidates tested at level α,
e-BH selects the first of them only at e ≥ m/α (Wang & Ramdas, *JRSS-B* 84, 2022): 13 bits for 400 candidates at 0.05, and
log2(12,800 / 0.05) = 17.97 bits for 32 hosts of 400. Circumstances cannot honestly reach that: a server that somebody
keeps for tomorrow is as idle, as old and as much without a terminal as a forgotten one. Provenance can, since it is no
statistic but a record: a session wrote its own name into what it started, and later told the ledger that it has ended.
For a process that is still of use to be found like that, *and* without a live supervisor, *and* of a kind that may be acted on
(databases, editors, shells, multiplexers, agents' machinery and what a service manager restarts are never candidates),
somebody must have asked an agent to leave a server running for him, and have told nobody. We take that for one in 32,768
useful processes, which is one on some eighty hosts of 400 processes; 14 bits are what is left of it when only half of all
abandoned processes carry such a marker. A worktree that has been removed below the process is a second record (the session
or its owner cleaned up, and was told what still ran there): one useful process in a hundred, against one abandoned in five,
is more than 4 bits, and the two together pass the bar of 32 hosts. A fresh leak whose worktree still stands does not pass it
alone; it needs company, as e-BH asks m/(kα) of the k-th. If your people leave servers running through agents, add them to
`protect`, or the numbers above are not yours.

A test worker, an MCP server or a build service talks to nobody but the one who started it. Without that one it gets no work
and its answers reach nobody: to be useful all the same it must have been taken for what it is not. That, too, is 14 bits.
"""

from __future__ import annotations

from typing import Tuple

from gitfleet.onhost.categories import (
    BROWSER,
    BUILD_TOOL,
    DEV_SERVER,
    HOUR,
    INTERPRETER,
    LANGUAGE_SERVER,
    MCP_SERVER,
    TEST_RUNNER,
    WATCHER,
)
from gitfleet.onhost.records import (
    ABANDONED,
    KEEP,
    PAUSE,
    RENICE,
    TERMINATE,
    THROTTLE,
    USEFUL,
    USEFUL_BAD,
    ZOMBIE,
)

Frequencies = Tuple[float, float, float]
"""How often a bin is found among useful, useful-but-bad and abandoned processes, in this order."""

ENDED_MARKER = "marked by a session that has ended, no supervisor"
ENDED_BELOW = "marked by a session that has ended, below another such process"
ENDED_KIN = "of a session that has ended, by its parent, child, group or cgroup"
ENDED_PLACE = "of a session that has ended, by its folder or terminal"
ENDED_SHARED = "of a session that has ended, in the worktree of a live one"
ENDED_SUPERVISED = "of a session that has ended, but supervised"
LIVE = "of a live session"
UNTOLD = "of a session of which nobody knows whether it lives"
WITHOUT_RUNNER = "a worker without the one it works for"
ORPHANED = "of no session, orphaned"
UNSUPERVISED = "of no session, no supervisor"
SUPERVISED = "of no session, supervised"

RECORDS = frozenset([ENDED_MARKER, ENDED_BELOW, ENDED_KIN, ENDED_PLACE, WITHOUT_RUNNER])
"""What tells of an end, so that more may be done than is undone at once; so does a folder that has been removed."""

WORK = {
    DEV_SERVER: 2 * HOUR,
    WATCHER: 2 * HOUR,
    MCP_SERVER: HOUR,
    LANGUAGE_SERVER: 2 * HOUR,
    TEST_RUNNER: HOUR,
    BUILD_TOOL: 2 * HOUR,
    BROWSER: HOUR,
}
"""Seconds of processor time that a process of a kind uses in a usual life. How long a script may compute, nobody knows."""

PRIORS: dict[str, tuple[float, float]] = {
    DEV_SERVER: (0.01, 0.05),
    TEST_RUNNER: (0.03, 0.05),
    BUILD_TOOL: (0.02, 0.03),
    WATCHER: (0.01, 0.04),
    MCP_SERVER: (0.01, 0.10),
    LANGUAGE_SERVER: (0.02, 0.02),
    BROWSER: (0.02, 0.05),
    INTERPRETER: (0.01, 0.03),
}
"""Of the processes of a kind: how many are useful but bad, and how many abandoned. The rest is useful."""

OTHER_PRIOR = (0.005, 0.005)

_RARE = 2.0**-15

TABLES: dict[str, dict[str, Frequencies]] = {
    "provenance": {
        ENDED_MARKER: (_RARE, _RARE, 0.50),
        ENDED_BELOW: (_RARE / 2, _RARE / 2, 0.06),
        ENDED_KIN: (_RARE, _RARE, 0.17),
        ENDED_PLACE: (0.002, 0.002, 0.06),
        ENDED_SHARED: (0.002, 0.002, 0.02),
        ENDED_SUPERVISED: (0.01, 0.01, 0.005),
        LIVE: (0.08, 0.15, 0.005),
        UNTOLD: (0.01, 0.02, 0.01),
        WITHOUT_RUNNER: (0.0, 0.0, 0.0),
        ORPHANED: (0.035, 0.035, 0.08),
        UNSUPERVISED: (0.03, 0.03, 0.07),
        SUPERVISED: (0.83, 0.75, 0.02),
    },
    "provenance of a worker": {
        ENDED_MARKER: (_RARE, _RARE, 0.36),
        ENDED_BELOW: (_RARE / 2, _RARE / 2, 0.04),
        ENDED_KIN: (_RARE, _RARE, 0.08),
        ENDED_PLACE: (0.002, 0.002, 0.005),
        ENDED_SHARED: (0.002, 0.002, 0.02),
        ENDED_SUPERVISED: (0.01, 0.01, 0.005),
        LIVE: (0.30, 0.30, 0.005),
        UNTOLD: (0.01, 0.01, 0.01),
        WITHOUT_RUNNER: (_RARE, _RARE, 0.43),
        ORPHANED: (0.01, 0.01, 0.02),
        UNSUPERVISED: (0.01, 0.01, 0.005),
        SUPERVISED: (0.655, 0.655, 0.02),
    },
    "folder": {"removed": (0.01, 0.01, 0.20), "there": (0.99, 0.99, 0.80)},
    "terminal": {"a terminal": (0.40, 0.50, 0.05), "none": (0.60, 0.50, 0.95)},
    "age": {
        "young": (0.45, 0.20, 0.15),
        "within its life": (0.38, 0.25, 0.30),
        "past its life": (0.10, 0.30, 0.25),
        "far past its life": (0.05, 0.15, 0.20),
        "ten lives old": (0.02, 0.10, 0.10),
    },
    "cpu": {
        "none": (0.62, 0.03, 0.78),
        "under 0.1 %": (0.12, 0.02, 0.08),
        "under 1 %": (0.10, 0.03, 0.05),
        "under 10 %": (0.08, 0.05, 0.04),
        "under 50 %": (0.04, 0.12, 0.02),
        "half a core or more": (0.04, 0.75, 0.03),
    },
    "work": {
        "in keeping with its life": (0.985, 0.45, 0.965),
        "more than its kind does": (0.012, 0.20, 0.02),
        "far more than its kind does": (0.003, 0.35, 0.015),
    },
    "input and output": {"none": (0.70, 0.50, 0.92), "some": (0.30, 0.50, 0.08)},
    "clients": {"connected": (0.20, 0.20, 0.015), "nobody": (0.80, 0.80, 0.985)},
}
"""Feature, bin: how often. No column adds up to more than 1, so that the e-values are honest."""

GROUPS: dict[str, str] = {
    "provenance": "provenance",
    "provenance of a worker": "provenance",
    "folder": "folder",
    "age": "circumstances",
    "cpu": "circumstances",
    "work": "circumstances",
    "input and output": "circumstances",
    "terminal": "circumstances",
    "clients": "clients",
}
"""What is correlated. Bits of one group add up to no more than its cap; their e-values are averaged, not multiplied."""

FEATURE_CAPS: dict[str, float] = {"provenance": 14.0, "provenance of a worker": 14.0, "folder": 4.5}
FEATURE_CAP = 4.0
"""Bits that a feature may move at most, either way."""

GROUP_CAPS: dict[str, dict[str, float]] = {"circumstances": {ABANDONED: 2.5, USEFUL_BAD: 8.0}}
"""Bits for a class against `useful` that a group may move at most, either way; where there is none, its features' caps hold."""

LEAST, MOST = 0.0005, 0.9995
"""No probability is called nearer to 0 or 1 than this: nobody has counted that far."""

LOSSES: dict[str, dict[str, float]] = {
    USEFUL: {KEEP: 0, RENICE: 1, PAUSE: 15, THROTTLE: 4, TERMINATE: 100},
    USEFUL_BAD: {KEEP: 8, RENICE: 3, PAUSE: 10, THROTTLE: 2, TERMINATE: 60},
    ABANDONED: {KEEP: 10, RENICE: 9, PAUSE: 4, THROTTLE: 8, TERMINATE: 0.5},
    ZOMBIE: {KEEP: 0, RENICE: 1, PAUSE: 1, THROTTLE: 1, TERMINATE: 1},
}
"""What an action costs if the process is of a class; only ratios matter. To end a useful one is ten times as bad as to keep an
abandoned one, which puts the bar of `terminate` at 0.96. Of a zombie nothing is left to act on."""

AT_WORK = 0.1
"""Share of a core, now and over its whole life, from which on a group does something that somebody may wait for."""

BUSY = 0.01
"""Share of a core from which on it is of use to renice or to throttle: below it they free nothing."""
