"""Labels for sessions, by table: real-looking command lines, look-alikes, precedence, extension, hostile input."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Mapping
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitfleet.sessions.orchestration import GENERIC, Inference, infer, is_label, read_markers


def label(command: str, *environment: str, extra: Mapping[str, object] | None = None) -> str:
    return infer({}, shlex.split(command), environment, extra=extra).label


COMMANDS = [
    # Gas Town's `gt`, and agents that it starts
    ("gt mayor attach", "gastown"),
    ("/home/ann/go/bin/gt sling gt-abc12 myrig", "gastown"),
    ("gt up", "gastown"),
    ("gastown-dashboard --port 8080", "gastown"),
    ("python3 scripts/gas_town_patrol.py", "gastown"),
    ("env GT_ROLE=polecat GT_RIG=app claude --dangerously-skip-permissions", "gastown"),
    ("sh -c 'export BD_ACTOR=app/witness GT_ROLE=witness && exec claude --resume'", "gastown"),
    # LangChain
    ("langchain-cli serve", "langchain"),
    ("langchain app serve --port 8100", "langchain"),
    ("python -m langchain.server", "langchain"),
    ("python3 examples/my_langchain_agent.py --verbose", "langchain"),
    ("streamlit run app_langchain.py", "langchain"),
    ("node dist/runLangChainAgent.js", "langchain"),
    # CrewAI
    ("crewai run", "crewai"),
    ("crewai flow kickoff", "crewai"),
    ("uv run crewai run", "crewai"),
    ("/home/ann/.venv/bin/python /home/ann/.venv/bin/crewai run", "crewai"),
    ("python -m crewai.cli.cli run", "crewai"),
    ("python -X dev -u -m crewai", "crewai"),
    ("poetry run python src/research_crew_ai/main.py", GENERIC),
    ("poetry run python src/research/crew_ai_main.py", "crewai"),
    ("bash -lc 'cd /srv/app && . .venv/bin/activate && crewai run'", "crewai"),
    # LangGraph
    ("langgraph dev --no-browser", "langgraph"),
    ("uvx --refresh --from langgraph-cli[inmem] langgraph dev", "langgraph"),
    ("npx -y @langchain/langgraph-cli dev", "langgraph"),
    ("uvicorn --host 0.0.0.0 --port 8000 langgraph_api.server:app", "langgraph"),
    ("/usr/bin/python3.12 /usr/local/bin/uvicorn langgraph_api.server:app --workers 2", "langgraph"),
    ("python3.12 -m langgraph_api.cli", "langgraph"),
    ("node /app/node_modules/@langchain/langgraph-api/dist/cli/entrypoint.mjs 1234", "langgraph"),
    ("timeout -k 5 1h nice -n 10 langgraph up", "langgraph"),
    ("tsx watch.ts", GENERIC),
    ("npx tsx src/LangGraphWorker.ts", "langgraph"),
    ("deepagents --agent backend", "langgraph"),
    # AutoGen
    ("autogenstudio ui --port 8081", "autogen"),
    ("python my_autogen_script.py", "autogen"),
    ("python -m autogen_agentchat.demo", "autogen"),
    ("gunicorn -w 4 -b 0.0.0.0:8081 autogenstudio.web.app:app", "autogen"),
    ("python /opt/venv/lib/python3.11/site-packages/autogenstudio/cli.py ui", "autogen"),
    ("python teams/AutoGenTeam.py", "autogen"),
    ("bash scripts/run_autogen.sh", "autogen"),
    # OpenClaw, and the names it had before
    ("openclaw gateway --port 18789", "openclaw"),
    ("openclaw-gateway", "openclaw"),
    ("node /usr/lib/node_modules/openclaw/dist/index.js gateway --port 18789", "openclaw"),
    ("/usr/bin/node --import tsx openclaw.mjs agent --message hello", "openclaw"),
    ("npx openclaw@latest onboard", "openclaw"),
    ("pnpm openclaw tui", "openclaw"),
    ("clawdbot gateway", "openclaw"),
    # the nomic loop
    ("python scripts/nomic_loop.py --cycles 10 --auto", "nomic"),
    ("NOMIC_AUTO_COMMIT=1 python3 scripts/loop.py", "nomic"),
    ("python scripts/run_nomic_with_stream.py run --cycles 24", "nomic"),
    ("aragora nomic run", "nomic"),
    ("python -m aragora.cli.main nomic plan", "nomic"),
    # everybody else
    ("claude", GENERIC),
    ("codex exec --full-auto 'fix the tests'", GENERIC),
    ("node /usr/lib/node_modules/@anthropic-ai/claude-code/cli.js", GENERIC),
    ("aider --model gpt-5 src/app.py", GENERIC),
    ("bash", GENERIC),
    ("", GENERIC),
]


@pytest.mark.parametrize(("command", "expected"), COMMANDS)
def test_infer_command_line_gives_its_label(command: str, expected: str) -> None:
    assert label(command) == expected


def test_infer_table_covers_every_label() -> None:
    assert {expected for _, expected in COMMANDS} == {
        "gastown", "langchain", "crewai", "langgraph", "autogen", "openclaw", "nomic", "generic"
    }  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        # parts of other words
        "vitest run",
        "python economics.py",
        "nomicron start",
        "langchained --dev",
        "python mylanggraphics.py",
        "crewaid ui",
        "reopenclawed",
        "autogenerate --all",
        "gtk-launch app",
        "gtop",
        "xgt up",
        "python -m gt.train",
        "python gt.py",
        "./gt.sh",
        # other programs of the same name
        "./autogen.sh --prefix=/usr",
        "sh autogen.sh",
        "gt submit --no-interactive",
        "gt create -m message",
        "nomic login",
        "nomic-embed-server --port 1",
        # prose, data and places
        'claude -p "write a langchain demo"',
        'codex exec "port this from autogen to langgraph"',
        "claude -p langchain",
        "ollama run nomic-embed-text",
        "server --model nomic-embed-text",
        "claude --append-system-prompt=crewai",
        "git clone https://github.com/langchain-ai/langgraph",
        "pip install langchain",
        "uv pip install crewai",
        "uv run --with langgraph python app.py",
        "python /src/langchain/scripts/lint.py",
        "/src/crewai/.venv/bin/pytest",
        'python -c "import langchain"',
        "python -c import_langchain",
        "bash -c 'echo langchain; claude -p \"use langgraph\"'",
        "bash -c 'claude -p \"unfinished langgraph'",
        "env -u LANGGRAPH_URL claude",
        "pytest --no-langchain -k crewai",
        "claude -- --langchain",
    ],
)
def test_infer_look_alike_is_generic(command: str) -> None:
    assert label(command) == GENERIC


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["GT_ROLE", "GT_RIG", "PATH"], "gastown"),
        (["GASTOWN_HOME"], "gastown"),
        (["OPENCLAW_SHELL"], "openclaw"),
        (["CLAWDBOT_STATE_DIR"], "openclaw"),
        (["NOMIC_AUTO_COMMIT"], "nomic"),
        (["ARAGORA_NOMIC_DIR"], "nomic"),
        (["CREWAI_STORAGE_DIR"], "crewai"),
        (["LANGGRAPH_RUNTIME_EDITION"], "langgraph"),
        (["LANGSERVE_GRAPHS"], "langgraph"),
        (["AUTOGEN_USE_DOCKER"], "autogen"),
        (["AUTOGENSTUDIO_APPDIR"], "autogen"),
        (["LANGCHAIN_TRACING_V2"], "langchain"),
        (["LANGCHAIN_PROJECT", "LANGGRAPH_CONFIG"], "langgraph"),
        # no marker's beginning, other case, an account rather than a run
        (["GT_MODE", "GTK_THEME", "GT_"], GENERIC),
        (["MY_LANGCHAIN_DIR", "langgraph_config", "LANGGRAPHICS_HOME", "XCREWAI_A"], GENERIC),
        (["LANGCHAIN_API_KEY", "NOMIC_API_KEY", "OPENCLAW_GATEWAY_TOKEN"], GENERIC),
        (["LANGSERVE_GRAPHS_2"], GENERIC),
        ([], GENERIC),
    ],
)
def test_infer_environment_names_give_a_label(names: list[str], expected: str) -> None:
    assert label("claude", *names) == expected


@pytest.mark.parametrize(
    ("metadata", "command", "names", "expected"),
    [
        # explicit beats all, in any case; what is no label of ours stays as it is; what is no label is nothing
        ({"orchestrator": "crewai"}, "langgraph dev", ["GT_ROLE"], "crewai"),
        ({"orchestrator": " LangGraph "}, "crewai run", [], "langgraph"),
        ({"orchestrator": "generic"}, "crewai run", [], GENERIC),
        ({"orchestrator": "Our-Swarm.v2"}, "crewai run", [], "Our-Swarm.v2"),
        ({"orchestrator": ""}, "crewai run", [], "crewai"),
        ({"orchestrator": "two words"}, "crewai run", [], "crewai"),
        ({"orchestrator": "\x1b[31mred"}, "claude", [], GENERIC),
        # in the command line: declared, what runs, its flags, variables set there
        ({}, "scripts/langchain_session.sh --orchestrator crewai", [], "crewai"),
        ({}, "scripts/session.sh --orchestrator=nomic", [], "nomic"),
        ({}, "scripts/session.sh --orchestrator swarm", [], GENERIC),
        ({}, "crewai run --openclaw-url=http://localhost", [], "crewai"),
        ({}, "agent --openclaw-url=http://localhost", [], "openclaw"),
        ({}, "env NOMIC_CYCLES=2 crewai run", [], "crewai"),
        # the command line beats the agent's name, which beats the environment
        ({"agent": "openclaw-worker"}, "crewai run", ["GT_ROLE"], "crewai"),
        ({"agent": "openclaw-worker"}, "claude", ["GT_ROLE"], "openclaw"),
        ({"agent": "the one that ported langchain"}, "claude", [], GENERIC),
        ({"title": "openclaw", "branch": "langchain"}, "claude", [], GENERIC),
        # whatever says more refines what says less, wherever it stands
        ({}, "python langchain_app.py", ["LANGGRAPH_CONFIG"], "langgraph"),
        ({}, "langgraph dev", ["LANGCHAIN_TRACING_V2"], "langgraph"),
        ({}, "python langchain_langgraph.py", [], "langgraph"),
        ({}, "crewai run", ["LANGGRAPH_CONFIG"], "crewai"),
    ],
)
def test_infer_several_markers_precedence_decides(
    metadata: dict[str, str], command: str, names: list[str], expected: str
) -> None:
    assert infer(metadata, shlex.split(command), names).label == expected


@pytest.mark.parametrize(
    ("metadata", "command", "names", "reason"),
    [
        ({"orchestrator": "crewai"}, "claude", [], "given explicitly"),
        ({}, "uv run python -m langgraph_api.cli", [], "command langgraph_api.cli"),
        ({}, "node /x/node_modules/openclaw/dist/index.js", [], "package openclaw"),
        ({}, "agent --use-crewai", [], "flag --use-crewai"),
        ({}, "claude", ["GT_ROLE"], "variable GT_ROLE"),
        ({}, "claude", [], "nothing names an orchestrator"),
    ],
)
def test_infer_reason_names_what_was_found(
    metadata: dict[str, str], command: str, names: list[str], reason: str
) -> None:
    assert infer(metadata, shlex.split(command), names).reason == reason


SWARM: dict[str, object] = {
    "swarm": {
        "words": ["swarmctl", "hive-mind"],
        "programs": ["sw"],
        "variables": ["SWARM_*", "SWARM_API_KEY"],
    },
    "hive": ["beehive"],
    "crewai": {"programs": ["kickoff"], "ignore": ["crewai-lint"]},
    "supergraph": {"refines": "langgraph", "variables": ["SUPERGRAPH_*"]},
}


@pytest.mark.parametrize(
    ("command", "names", "expected"),
    [
        ("swarmctl up", [], "swarm"),
        ("python hive_mind_run.py", [], "swarm"),
        ("sw up", [], "swarm"),
        ("python sw_up.py", [], GENERIC),
        ("claude", ["SWARM_ROLE"], "swarm"),
        ("claude", ["SWARM_API_KEY"], "swarm"),  # spelt out in full, so meant
        ("beehive start", [], "hive"),
        ("python swarmctl_langgraph.py", [], "swarm"),  # theirs before ours
        ("kickoff", [], "crewai"),
        ("crewai run", [], "crewai"),
        ("crewai-lint src", [], GENERIC),
        ("python langchain_app.py", ["LANGGRAPH_X", "SUPERGRAPH_Y"], "supergraph"),
        ("langgraph dev", [], "langgraph"),
    ],
)
def test_infer_extra_markers_extend_ours(command: str, names: list[str], expected: str) -> None:
    assert label(command, *names, extra=SWARM) == expected
    assert infer({"orchestrator": "SWARM"}, [], extra=SWARM).label == "swarm"


def test_infer_extra_refinements_in_a_circle_end() -> None:
    circle: dict[str, object] = {
        "aaa": {"words": ["aaa"], "refines": "bbb"},
        "bbb": {"words": ["bbb"], "refines": "aaa"},
    }
    assert label("aaa --bbb", extra=circle) in {"aaa", "bbb"}


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ("words", "not a mapping of labels"),
        ({"two words": ["abc"]}, "not a valid label"),
        ({7: ["abc"]}, "not a valid label"),
        ({"swarm": "swarmctl"}, "neither a list of words nor a mapping"),
        ({"swarm": {"wrods": ["abc"]}}, "unknown key wrods"),
        ({"swarm": {"words": "abc"}}, "words is no list"),
        ({"swarm": ["sw"]}, "three letters"),
        ({"swarm": ["--"]}, "three letters"),
        ({"swarm": {"variables": ["*"]}}, "not just `*`"),
        ({"swarm": {"programs": [None]}}, "texts of"),
        ({"swarm": {"programs": [""]}}, "texts of"),
        ({"swarm": {"ignore": ["x" * 1000]}}, "texts of"),
        ({"swarm": {"refines": ["langchain"]}}, "refines is no label"),
        ({f"l{number}": [] for number in range(1000)}, "more than 256 labels"),
    ],
)
def test_read_markers_faulty_entry_is_told_and_passed_over(raw: object, fault: str) -> None:
    _, faults = read_markers(raw)
    assert any(fault in line for line in faults)
    if isinstance(raw, dict):
        assert label("langgraph dev", extra={**raw, "swarm2": ["swarmctl"]}) == "langgraph"


def test_read_markers_shipped_data_has_no_faults() -> None:
    data = json.loads(resources.files("gitfleet.sessions").joinpath("orchestration.json").read_text("utf-8"))
    markers, faults = read_markers(data["orchestrators"])
    assert faults == []
    assert {*markers, GENERIC} == {expected for _, expected in COMMANDS}
    assert all(len(word) > 2 for orchestrator in markers.values() for word in orchestrator.words)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("crewai", True),
        ("a.b_c-9", True),
        ("", False),
        ("-a", False),
        ("a b", False),
        ("é", False),
        ("a" * 65, False),
    ],
)
def test_is_label_accepts_plain_short_names(text: str, valid: bool) -> None:
    assert is_label(text) is valid


HOSTILE = [
    ["\x1b]0;pwned\x07langchain"],
    ["\udcff\udcfe", "\ud800", "--\udcff"],
    ["", "", ""],
    ["sh", "-c", "\udcff'\"`$("],
    ["a" * 10_000_000],
    ["--langchain-" + "aB" * 1_000_000] * 1000,
    ["sh", "-c", "x " * 1_000_000],
    ["bash", "-c", "bash -c " * 900],
    ["env"] * 100_000,
    ["python", "-m"],
    ["=", "==", "A="],
    ["/" * 1_000_000],
]


@pytest.mark.parametrize("argv", HOSTILE, ids=range(len(HOSTILE)))
def test_infer_hostile_input_gives_a_label_and_a_short_printable_reason(argv: list[str]) -> None:
    answer = infer({"orchestrator": "\n" + argv[0] + " ", "agent": argv[-1]}, argv, argv)
    assert is_label(answer.label)
    assert answer.reason.isprintable()
    assert len(answer.reason) <= 120


@pytest.mark.parametrize("argv", HOSTILE, ids=range(len(HOSTILE)))
def test_infer_hostile_command_line_does_not_hide_the_environment(argv: list[str]) -> None:
    assert infer({}, argv, ["GT_ROLE"]).label in {"gastown", "langchain"}


def test_infer_hostile_names_in_the_reason_are_escaped() -> None:
    answer = infer({}, ["x", "--langchain-\u202egnp"])
    assert answer == Inference("langchain", "flag --langchain-\\u202egnp")


def test_infer_endless_environment_is_read_up_to_a_bound() -> None:
    assert infer({}, ["claude"], itertools.repeat("LANGCHAIN_\0")).label == GENERIC


@settings(deadline=None)
@given(
    metadata=st.dictionaries(st.sampled_from(["orchestrator", "agent", "title"]), st.text()),
    argv=st.lists(
        st.one_of(st.text(), st.sampled_from(["env", "sh", "-c", "uv", "run", "python", "-m", "gt", "--"]))
    ),
    environment=st.lists(st.text()),
    extra=st.dictionaries(
        st.text(), st.one_of(st.none(), st.lists(st.text()), st.dictionaries(st.text(), st.none()))
    ),
)
def test_infer_any_input_gives_a_label_and_a_printable_reason(
    metadata: dict[str, str], argv: list[str], environment: list[str], extra: dict[str, object]
) -> None:
    answer = infer(metadata, argv, environment, extra=extra)
    assert is_label(answer.label)
    assert answer.reason.isprintable()
    assert answer == infer(metadata, argv, environment, extra=extra)
