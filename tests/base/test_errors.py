"""What an error says of what it left as it was: once, by its class, and nowhere that it may be untrue."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path

import pytest

import gitfleet
from gitfleet import errors
from gitfleet.base import files
from gitfleet.errors import UNCHANGED, FleetError
from gitfleet.git.program import GitFailed
from gitfleet.jobs import errors as jobs_errors

SAYS_SO = {
    errors.UsageError, errors.BadPath, errors.BadPattern, errors.BadName, errors.UnsupportedRepository,
    errors.NoSession, errors.NoEntry, errors.NoneHeld, errors.Conflict, errors.EntryMoved, errors.RefMoved, errors.Deadlock, errors.PolicyRefused, errors.Blocked,
}  # fmt: skip
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, FleetError)]
ITS_PLACES = {"errors.py", "fleet/probe.py", "fleet/joining.py", "ledger/remote_hub.py"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_error_without_words_of_its_own_says_that_nothing_was_changed_where_its_class_is_sure(
    kind: type[FleetError],
) -> None:
    assert kind("No.").words == (f"No. {UNCHANGED}" if kind in SAYS_SO else "No.")


EVERY = [
    *(kind for kind in KINDS if kind is not FleetError),
    *(kind for kind in vars(jobs_errors).values() if isinstance(kind, type) and issubclass(kind, FleetError)),
    GitFailed,
]


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_error_that_is_sent_or_copied_is_the_same_with_all_its_facts(kind: type[FleetError]) -> None:
    facts = {one.name: f"its {one.name}" for one in kind.FACTS if one.default == ""}
    error = kind("No.", hint="Look.", unharmed="All is well.", **facts)
    for same in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(same) is kind
        assert (same.words, same.hint, same.facts, str(same)) == (error.words, error.hint, error.facts, "No.")


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_docstring_of_an_error_names_each_fact_of_its_own(kind: type[FleetError]) -> None:
    inherited = {one.name for base in kind.__bases__ for one in getattr(base, "FACTS", ())}
    inherited -= set(vars(kind).get("__annotations__", {}))
    own = {one.name for one in kind.FACTS} - inherited
    assert vars(kind)["__doc__"]
    assert own - set(re.findall(r"\w+", vars(kind)["__doc__"])) == set()


def test_error_of_the_tree_is_a_public_name() -> None:
    assert {kind.__name__ for kind in KINDS} <= set(gitfleet.__all__)


@pytest.mark.parametrize(
    ("message", "unharmed", "words"),
    [
        ("No.", "", "No."),
        ("No", "", "No"),
        ("No", "All is well.", "No. All is well."),
        ("Which?", "All is well.", "Which? All is well."),
    ],
)
def test_words_are_sentences(message: str, unharmed: str, words: str) -> None:
    assert errors.UsageError(message, unharmed=unharmed).words == words


def test_git_that_failed_in_the_middle_of_something_does_not_say_that_nothing_was_changed() -> None:
    assert GitFailed("git ended with 1.").words == "git ended with 1."


def test_error_after_something_has_happened_says_what_and_not_that_nothing_was_changed() -> None:
    with pytest.raises(errors.UsageError) as caught, files.after("The session has started."):
        raise errors.UsageError("No.", hint="Look.")
    assert caught.value.words == "The session has started. But: No."
    assert caught.value.hint == "Look."


def test_sentence_stands_once() -> None:
    package = Path(gitfleet.__file__).parent
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if "Nothing was changed" in path.read_text(encoding="utf-8")
    }
    assert found <= ITS_PLACES
