"""Plans made of what hosts answered: every host is listed, nothing counts twice, and what was kept is what is read back."""

from __future__ import annotations

import io
from typing import Any

import pytest
from ruamel.yaml import YAML

from gitfleet.base import canonical
from gitfleet.codec import replace
from gitfleet.errors import Corrupt, NewerFormat
from gitfleet.triage import plan_record, plan_view, planning
from gitfleet.triage.plan_record import WholePlan
from gitfleet.triage.planning import PlanRequest, ScanReply
from tests.triage.candidates import candidate, facts, identity, scan

KEY = b"k" * 32
ID = "fleet-20261130-120000-a7b3"
REQUEST = PlanRequest(ID, 1_796_000_000, "ann", "0.1.0", "safe", 0.05, 0.05)


def session(number: int) -> str:
    return f"pt-20261130-120000-{number:04x}"


def reply(number: int, *candidates: dict[str, Any], status: str = "planned", **more: Any) -> ScanReply:
    answer = more.pop("answer", scan(session(number), *candidates, **more) if status == "planned" else None)
    words = "" if status == "planned" else "it did not answer"
    return ScanReply(
        f"host{number}", "", f"host{number}", 0, status, session(number), answer, words, "look at it"
    )


def test_plan_of_two_hosts_lists_them_with_what_is_proposed_selected_and_common() -> None:
    whole = planning.merge(
        REQUEST,
        [
            reply(1, candidate(1), candidate(2), candidate(3, action="keep"), judged=400),
            reply(
                2,
                candidate(4),
                candidate(5, log_e=2.0, pattern="vite"),
                candidate(6, protected="agent"),
                judged=400,
            ),
        ],
    )
    plan = whole.plan
    assert [(host.host_id, host.status, host.candidates, host.selected) for host in plan.hosts] == [
        ("host1", "planned", 2, 2),
        ("host2", "planned", 2, 1),
    ]
    assert plan.selected == ("c-000000000001", "c-000000000002", "c-000000000004")
    assert plan.tested == 800
    assert [(one.pattern, one.hosts, one.count) for one in plan.patterns] == [
        ("node server.js", ("host1", "host2"), 3)
    ]
    assert plan.by_rule == {"bayes": 4, "e_values": 3}


def test_plan_of_what_one_session_left_proposes_nothing_else_and_counts_all_that_was_tested() -> None:
    own, other = candidate(1, session="s-1"), candidate(2, session="s-2")
    whole = planning.merge(replace(REQUEST, left_by="s-1"), [reply(1, own, other, candidate(3), judged=400)])
    assert [one.candidate_id for _, one in whole.candidates()] == ["c-000000000001"]
    assert whole.plan.tested == 400


def test_what_one_session_left_and_is_not_proposed_is_counted() -> None:
    own = [
        candidate(1, session="s-1"),
        candidate(2, session="s-1", action="keep"),
        candidate(3, action="keep"),
    ]
    replies = [reply(1, *own), reply(2, status="timeout")]
    assert planning.left_alone(replies, "s-1") == 1


@pytest.mark.parametrize(
    "status", ["unreachable", "blocked", "no-tool", "version-mismatch", "timeout", "died", "error"]
)
def test_host_that_failed_is_listed_and_stops_no_other(status: str) -> None:
    whole = planning.merge(REQUEST, [reply(1, status=status), reply(2, candidate(1))])
    failed, planned = whole.plan.hosts
    assert (failed.status, failed.session_id, failed.problem, failed.part) == (
        status,
        None,
        "it did not answer",
        "",
    )
    assert (planned.status, planned.candidates) == ("planned", 1)
    assert list(whole.parts) == ["host2"]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        scan(session(9), candidate(1)),
        scan(session(1), candidate(1, log_e="\x1b[2J")),
    ],
    ids=["empty", "of-another-scan", "escapes"],
)  # fmt: skip
def test_host_whose_answer_is_none_counts_as_failed(answer: dict[str, Any]) -> None:
    whole = planning.merge(REQUEST, [reply(1, answer=answer), reply(2, candidate(1))])
    assert [host.status for host in whole.plan.hosts] == ["error", "planned"]
    assert whole.plan.hosts[0].problem.isprintable()
    assert "\x1b" not in plan_view.text(whole)


def test_host_that_proposes_more_than_a_plan_holds_counts_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "MAX_BYTES", 10_000)
    whole = planning.merge(
        REQUEST, [reply(1, *[candidate(n) for n in range(1, 20)]), reply(2, candidate(20))]
    )
    assert [host.status for host in whole.plan.hosts] == ["error", "planned"]
    assert "19 candidates" in whole.plan.hosts[0].problem


def test_process_that_two_names_of_one_machine_show_is_proposed_once() -> None:
    both = [candidate(1), candidate(2)]
    whole = planning.merge(
        REQUEST, [reply(1, *both, judged=300), reply(2, *both, judged=300), reply(3, candidate(3))]
    )
    assert [(host.candidates, host.twin) for host in whole.plan.hosts] == [(2, ""), (0, "host1"), (1, "")]
    assert whole.plan.tested == 301
    assert [one.hosts for one in whole.plan.patterns] == [("host1", "host3")]


def test_selection_counts_what_was_judged_everywhere_and_is_one_pool() -> None:
    alone = planning.merge(REQUEST, [reply(1, candidate(1, log_e=13.0), judged=400)])
    fleet = planning.merge(
        REQUEST,
        [reply(1, candidate(1, log_e=13.0), judged=400), *[reply(n, judged=400) for n in range(2, 33)]],
    )
    assert (len(alone.plan.selected), len(fleet.plan.selected)) == (1, 0)
    assert fleet.plan.needed == pytest.approx(17.966, abs=0.01)  # log2(12,800 / .05)


def test_what_can_be_taken_back_is_offered_and_not_selected() -> None:
    busy = {"useful": 0.01, "useful_bad": 0.98, "abandoned": 0.01, "zombie": 0.0}
    whole = planning.merge(
        REQUEST,
        [
            reply(
                1,
                candidate(1, posterior=busy, log_e=-3.0, action="renice"),
                candidate(2, posterior=busy, log_e=-3.0),
            )
        ],
    )
    assert (whole.plan.selected, whole.plan.offered) == ((), ("c-000000000001",))


def kept() -> tuple[WholePlan, dict[str, bytes]]:
    whole = planning.merge(
        REQUEST, [reply(1, candidate(1)), reply(2, candidate(2)), reply(3, status="timeout")]
    )
    return planning.files_of(whole, KEY)


def test_plan_that_was_kept_is_read_back_the_same_and_sealed() -> None:
    whole, files = kept()
    found = plan_record.read(files, ID, "")
    assert found == whole
    assert plan_record.is_sealed(found.plan, KEY)
    assert not plan_record.is_sealed(found.plan, b"other" * 8)
    assert not plan_record.is_sealed(replace(found.plan, selected=()), KEY)
    plan_view.check(files["plan.yaml"], found)


def changed(files: dict[str, bytes], path: str, **changes: Any) -> dict[str, bytes]:
    return {**files, path: canonical.dump({**canonical.load(files[path]), **changes})}


def test_plan_of_which_a_file_is_another_is_refused() -> None:
    whole, files = kept()
    first, second = (host.part for host in whole.plan.hosts if host.part)
    broken = [
        {},
        {**files, first: files[second]},
        {path: data for path, data in files.items() if path != second},
        changed(files, first, host_id="host9"),
        {**files, "plan.json": b"{"},
        {**files, "plan.json": files[first]},
        changed(files, "plan.json", id="fleet-20261130-120000-ffff"),
        changed(files, "plan.json", selected=["c-ffffffffffff"]),
        changed(files, "plan.json", alpha="1e5"),
    ]
    for one in broken:
        with pytest.raises(Corrupt, match="Nothing of it was applied"):
            plan_record.read(one, ID, "")
    with pytest.raises(NewerFormat):
        plan_record.read(changed(files, "plan.json", v=2), ID, "")


def test_view_with_comments_anywhere_is_the_view_still() -> None:
    whole, files = kept()
    lines = files["plan.yaml"].decode().splitlines()
    for position in range(len(lines)):
        told = [*lines[:position], "# ask Ben first", *lines[position:]]
        plan_view.check("\n".join(told).encode(), whole)
    plan_view.check("\n".join(f"{line} # sure?" for line in lines).encode(), whole)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("terminate", "pause", "entry 1 of candidates"),
        ("c-000000000002", "c-0000000000ff", "entry 2 of candidates"),
        ('status: "timeout"', 'status: "planned"', "entry 3 of hosts"),
        ("alpha: 0.05", "alpha: 0.5", "alpha"),
        ("candidates:\n", "candidates: []\nothers:\n", "no entries|candidates has|entry"),
        ("alpha: 0.05\n", "alpha: 0.05\nextra: 1\n", "extra"),
        (ID, "fleet-20261130-120000-ffff", "no file of this plan"),
        ("alpha: 0.05", "alpha: &a [*a]", "no YAML|alpha"),
        ("alpha: 0.05", "alpha: !!python/object:os.system x", "no YAML"),
        ("alpha: 0.05", "\talpha", "no YAML"),
        ("alpha: 0.05", "alpha: " + "[" * 5000, "no YAML|nested"),
        ("alpha: 0.05", "alpha: \xff", "no YAML"),
        ("alpha: 0.05", "alpha: 0.05 # \xff", "no YAML"),
    ],
)
def test_view_that_says_something_else_is_refused_with_the_place(old: str, new: str, why: str) -> None:
    whole, files = kept()
    text = files["plan.yaml"].decode()
    assert old in text
    with pytest.raises(plan_view.NoView, match=why):
        plan_view.check(text.replace(old, new, 1).encode("latin-1"), whole)


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\r"])
def test_view_with_a_line_hidden_in_a_comment_is_refused(end: str) -> None:
    whole, files = kept()
    text = files["plan.yaml"].decode().replace("alpha: 0.05", f"alpha: 0.05 # sure{end}tested: 1", 1)
    with pytest.raises(plan_view.NoView):
        plan_view.check(text.encode(), whole)


def test_view_that_an_editor_has_written_anew_is_the_view_still() -> None:
    whole, files = kept()
    yaml, out = YAML(), io.StringIO()
    yaml.dump(yaml.load(files["plan.yaml"].decode()), out)
    assert out.getvalue() != files["plan.yaml"].decode()
    plan_view.check(out.getvalue().encode(), whole)
    plan_view.check(files["plan.yaml"].replace(b"\n", b"\r\n"), whole)


def test_view_has_few_lines_for_each_candidate() -> None:
    many = [candidate(n, evidence=candidate()["evidence"] * 20) for n in range(1, 201)]
    text = plan_view.text(planning.merge(REQUEST, [reply(1, *many)]))
    assert text.count("\n") <= 200 * 9 + 20


def test_plan_of_hostile_words_is_written_and_read_as_yaml() -> None:
    words = "a: b # c\u0085\u2028 \ud83d\ude00 é 😀 - [x] {y} 'q' \"r\" \\ 1e5 yes"
    one = candidate(
        1,
        command=words,
        pattern=words,
        signature=words,
        evidence=[{"feature": words, "value": words, "bits": 1.5}],
    )
    _, files = planning.files_of(planning.merge(REQUEST, [reply(1, one)]), KEY)
    plan_view.check(files["plan.yaml"], plan_record.read(files, ID, ""))


def test_host_of_another_machine_than_its_candidates_is_none() -> None:
    strange = scan(session(1), candidate(1, identity=identity(7, boot="b")), facts=facts(boot="a"))
    assert planning.merge(REQUEST, [reply(1, answer=strange)]).plan.hosts[0].status == "error"
