"""What the texts of clients say of a refusal by their service: used up, not signed in, and when there is more. Pure.

The clients tell these in words only, or in words and a status. Looked for in error texts, never in what a model says.
"""

from __future__ import annotations

import re

from gitfleet.jobs.words import AttemptOutcome

_QUOTA = re.compile(
    r"\b429\b|too many requests|rate.?limit|usage limit|quota|limit reached|hit your .{0,20}limit"
    r"|credit balance|billing|insufficient (funds|credits?)|out of credits?",
    re.IGNORECASE,
)
_AUTH = re.compile(
    r"\b40[13]\b|unauthori[sz]ed|authenticat|not (logged|signed) in|please (log|sign) ?in|/login\b"
    r"|invalid (api|x-api).?key|api.?key.{0,20}(missing|invalid|not set)|forbidden|token.{0,20}expired",
    re.IGNORECASE,
)
_LOST = re.compile(
    r"no (conversation|session|thread|rollout)\b.{0,40}\bfound|(conversation|session|thread|rollout)\b.{0,80}\bnot found",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"limit reached\s*\|\s*(\d{10})\b", re.IGNORECASE)
_STAMP = re.compile(
    r"(?:again|resets?|available)(?: at| on)?\s+(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s?(?:Z|UTC|[+-]\d\d:?\d\d))",
    re.IGNORECASE,
)
_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_SPAN = r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|d|days?|h|hours?|hrs?|m|min|minutes?|s|sec|seconds?)\b"
_AFTER = re.compile(
    rf"(?:again|resets?|available|retry)(?: in| after):?\s+((?:{_SPAN}[\s,]*(?:and\s+)?)+)", re.IGNORECASE
)
_EACH = re.compile(_SPAN, re.IGNORECASE)
_CLOCK = re.compile(
    r"(?:again|resets?|available)(?: at| on)?\s+"
    r"(?:(?P<month>[A-Z][a-z]{2})[a-z]*\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s*(?:(?P<year>\d{4}),?\s*)?(?:at\s+)?)?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s*(?P<half>[ap])\.?m\.?(?:\s*\((?P<zone>[A-Za-z_/+-]{1,40})\))?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def refused(text: str) -> AttemptOutcome:
    """What an error text tells: quota, auth, or just failed."""
    if _QUOTA.search(text):
        return AttemptOutcome.QUOTA
    return AttemptOutcome.AUTH if _AUTH.search(text) else AttemptOutcome.FAILED


def lost(text: str) -> bool:
    """Whether it says that the conversation to go on with is not there."""
    return bool(_LOST.search(text))


def resets(text: str, at: int) -> int | None:
    """When there is quota again, by a text that came at `at`: both in milliseconds since 1970. None where it is not told.

    A time of day without a zone is this machine's: the clients print their user's.
    """
    if found := _EPOCH.search(text):
        return int(found[1]) * 1000
    if found := _AFTER.search(text):
        spans = _EACH.findall(found[1])
        return at + round(sum(float(number) * _unit(word) for number, word in spans))
    if found := _STAMP.search(text):
        return _stamp(found[1])
    if found := _CLOCK.search(text):
        return _next(found, at)
    return None


def _unit(word: str) -> int:
    return _UNITS["ms" if word.lower().startswith(("ms", "milli")) else word[0].lower()]


def _stamp(text: str) -> int | None:
    from datetime import datetime  # only for who has met a limit

    try:
        return round(
            datetime.fromisoformat(text.replace("UTC", "+00:00").replace(" +", "+")).timestamp() * 1000
        )
    except ValueError:
        return None


def _next(found: re.Match[str], at: int) -> int | None:
    """The first moment after `at` that a time of day (and perhaps a date) can mean."""
    from datetime import datetime, timedelta  # only for who has met a limit
    from zoneinfo import ZoneInfo

    try:
        zone = ZoneInfo(found["zone"]) if found["zone"] else None
        now = datetime.fromtimestamp(at / 1000, zone)
        hour = int(found["hour"]) % 12 + (12 if found["half"].lower() == "p" else 0)
        then = now.replace(hour=hour, minute=int(found["minute"] or 0), second=0, microsecond=0)
        if not found["month"]:
            then = then if then > now else then + timedelta(days=1)
        else:
            month = _MONTHS.index(found["month"].lower()) + 1
            then = then.replace(month=month, day=int(found["day"]), year=int(found["year"] or now.year))
            if then < now and not found["year"]:
                then = then.replace(year=now.year + 1)
        return round(then.timestamp() * 1000)
    except (ValueError, OSError, OverflowError, KeyError):
        return None
