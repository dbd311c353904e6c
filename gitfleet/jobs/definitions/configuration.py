"""Reading agent files: found, laid over their defaults, filled with variables, and only then held against the schema.

`fleet.yaml` beside the agent files has what they share: `defaults` for all, `profiles` for those that say `extends: NAME`
(a profile may extend another). What stands nearer wins: agent, profile, defaults. Objects merge, all else replaces.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pydantic import ValidationError

from gitfleet.base import advice
from gitfleet.base.text import counted
from gitfleet.jobs.adapters import claude_call, codex_call, flags
from gitfleet.jobs.adapters.acp import call as acp_call
from gitfleet.jobs.adapters.protocol import Task
from gitfleet.jobs.definitions import budget_checks, documents, findings
from gitfleet.jobs.definitions.documents import PlacedValue, Position, Unusable
from gitfleet.jobs.definitions.findings import Flaw
from gitfleet.jobs.definitions.schema import Agent, FleetSettings, WorkSourceRules
from gitfleet.jobs.definitions.variables import filled
from gitfleet.jobs.errors import ConfigurationError

FLEET_FILE = "fleet.yaml"
MOST_FILES = 1000
EXTENDS = "extends"
LAYERS = ("defaults", "profiles")
_ENDS = (".yaml", ".yml")
_NEW = f"Write one ({advice.AGENT_NEW.of('NAME')}), or name the folder that has them."
_AGENT_KEYS = [*findings.keys_of(Agent), EXTENDS]
_FLEET_KEYS = [*findings.keys_of(FleetSettings), *LAYERS]
_OPTIONS = {"codex": codex_call.OPTIONS, "claude": claude_call.OPTIONS, "acp": acp_call.OPTIONS}


class Configuration(NamedTuple):
    """What the files say. `digest` changes when anything that they mean does; `trees`: the values of each agent with their places."""

    agents: Mapping[str, Agent]
    fleet: FleetSettings
    files: tuple[str, ...]
    digest: str
    trees: Mapping[str, PlacedValue]


def load(path: str, *, environ: Mapping[str, str]) -> Configuration:
    """Read a folder of agent files, or one of them. Raises ConfigurationError with every finding about any of them."""
    reading = _Reading(environ)
    whole = os.path.abspath(path)
    fleet_file, files = _found(path, whole)
    fleet = reading.fleet(fleet_file)
    agents, trees = reading.agents(files)
    reading.settle(fleet, agents, trees)
    if os.path.isdir(whole):
        reading.settle_default(fleet, agents)
    if reading.flaws or fleet is None:
        raise _invalid(path, [str(flaw) for flaw in dict.fromkeys(reading.flaws)])
    meaning = {"agents": {name: agent.model_dump(mode="json") for name, agent in agents.items()}}
    meaning["fleet"] = fleet.model_dump(mode="json")
    digest = hashlib.sha256(repr(_ordered(meaning)).encode("utf-8", "surrogatepass")).hexdigest()
    read = (*([fleet_file] if fleet_file else []), *files)
    return Configuration(agents, fleet, tuple(read), digest, trees)


def _ordered(value: object) -> object:
    if isinstance(value, dict):
        return [(key, _ordered(inner)) for key, inner in sorted(value.items())]
    return [_ordered(inner) for inner in value] if isinstance(value, list) else value


def _invalid(path: str, said: list[str], hint: str = "Correct the files.") -> ConfigurationError:
    first = "\n  ".join(said)
    return ConfigurationError(
        f"The agent files cannot be used; {counted(len(said), 'finding')}:\n  {first}",
        hint=hint,
        config_path=path,
        validation_errors=tuple(said),
    )


def _found(path: str, whole: str) -> tuple[str, list[str]]:
    """The fleet file ("": there is none) and the agent files."""
    folder = whole
    if not os.path.isdir(whole):
        if not os.path.lexists(whole):
            raise _invalid(path, [f"{whole}: there is no such file or folder"], _NEW)
        if not whole.endswith(_ENDS):
            raise _invalid(path, [f"{whole}: an agent file ends with .yaml"])
        folder = os.path.dirname(whole)
    fleet_file = os.path.join(folder, FLEET_FILE)
    if not os.path.lexists(fleet_file):
        fleet_file = ""
    if whole not in {folder, fleet_file}:
        return fleet_file, [whole]
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise _invalid(path, [f"{folder}: cannot be read: {error.strerror}"]) from error
    names = [one for one in names if one.endswith(_ENDS) and not one.startswith(".") and one != FLEET_FILE]
    if not names:
        raise _invalid(path, [f"{folder}: there is no agent file in it"], _NEW)
    if len(names) > MOST_FILES:
        raise _invalid(path, [f"{folder}: has more than {MOST_FILES} agent files"])
    return fleet_file, [os.path.join(folder, one) for one in names]


class _Reading:
    """One reading of all files, with what was found wrong so far."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.flaws: list[Flaw] = []
        self._environ = environ
        self._defaults: PlacedValue | None = None
        self._profiles: dict[str, PlacedValue] = {}
        self._fleet = PlacedValue({}, Position(""))

    def fleet(self, path: str) -> FleetSettings | None:
        """What `fleet.yaml` says; its defaults and profiles are kept for the agents."""
        tree = self._mapping(path) if path else PlacedValue({}, Position(""))
        if tree is None:
            return None
        own = {key: value for key, value in tree.keys.items() if key not in LAYERS}
        self._defaults = self._layer(tree.keys.get("defaults"), "defaults")
        profiles = self._layer(tree.keys.get("profiles"), "profiles")
        for name, profile in (profiles.keys if profiles else {}).items():
            if self._layer(profile, f"profiles.{name}"):
                self._profiles[name] = profile
        for profile in self._profiles.values():
            self._laid(profile)  # also where no agent extends it
        values = self._fleet = self._filled(tree._replace(data=own))
        try:
            return FleetSettings.model_validate(documents.plain(values))
        except ValidationError as error:
            self.flaws += findings.of_validation(error, values, _FLEET_KEYS)
            return None

    def _layer(self, value: PlacedValue | None, key: str) -> PlacedValue | None:
        """A part of `fleet.yaml` that holds keys."""
        if value is not None and not isinstance(value.data, dict):
            self.flaws.append(Flaw(value.at, key, "must hold keys with values"))
            return None
        if value is not None and key != "profiles":
            if "name" in value.keys:
                self.flaws.append(
                    Flaw(value.keys["name"].at, f"{key}.name", "each agent has a name of its own")
                )
            known = [one for one in _AGENT_KEYS if "." not in one]
            for inner, held in value.keys.items():  # those that no agent would tell of
                if inner not in known:
                    near = tuple(f"{key}.{one}" for one in findings.nearest(inner, _AGENT_KEYS))
                    self.flaws.append(Flaw(held.at, f"{key}.{inner}", "there is no such key", near))
        return value

    def agents(self, files: list[str]) -> tuple[dict[str, Agent], dict[str, PlacedValue]]:
        """The agents that are right, and the values of each."""
        agents: dict[str, Agent] = {}
        trees: dict[str, PlacedValue] = {}
        places: dict[str, Position] = {}
        for file in files:
            tree = self._mapping(file)
            agent = self._agent(tree, file) if tree is not None else None
            if agent is None:
                continue
            values, read = agent
            at = documents.place(values, ("name",))
            small = read.name.lower()
            if small in places:
                words = f"an agent of the name {read.name} is already in {places[small]}; case makes no difference"
                self.flaws.append(Flaw(at, "name", words))
                continue
            places[small] = at
            agents[read.name], trees[read.name] = read, values
        return agents, trees

    def _agent(self, tree: PlacedValue, file: str) -> tuple[PlacedValue, Agent] | None:
        stem = os.path.splitext(os.path.basename(file))[0]
        named = PlacedValue({"name": PlacedValue(stem, Position(file))}, Position(file))
        values = self._laid(tree)
        if values is None:
            return None
        values = self._filled(documents.merged(named, values))
        known = len(self.flaws)
        try:
            agent = Agent.model_validate(documents.plain(values))
        except ValidationError as error:
            self.flaws += findings.of_validation(error, values, _AGENT_KEYS)
            return None
        self._options(agent, values)
        found = _placed(agent, values, file)
        return (values, found) if len(self.flaws) == known else None

    def _options(self, agent: Agent, values: PlacedValue) -> None:
        try:
            if agent.options:
                flags.arguments(_OPTIONS[agent.adapter], Task(options=agent.options))
        except flags.UnusableOption as error:
            self.flaws.append(Flaw(documents.place(values, ("options",)), "options", str(error)))

    def _laid(self, tree: PlacedValue) -> PlacedValue | None:
        """The agent's values over those of its profiles and the defaults; None where the chain of profiles is broken."""
        layers, seen = [tree], [""]
        while (wish := layers[-1].keys.get(EXTENDS)) is not None:
            name = wish.data
            chain = " extends ".join([*seen[1:], str(name)])
            if name in seen:
                self.flaws.append(Flaw(wish.at, EXTENDS, f"goes in a circle: {chain}"))
                return None
            if not isinstance(name, str) or name not in self._profiles:
                near = findings.nearest(str(name), list(self._profiles))
                words = f"there is no profile {str(name)[:60]!a} in {FLEET_FILE}"
                self.flaws.append(Flaw(wish.at, EXTENDS, words, tuple(near)))
                return None
            seen.append(name)
            layers.append(self._profiles[name])
        if self._defaults is not None:
            if EXTENDS in self._defaults.keys:
                at = self._defaults.keys[EXTENDS].at
                self.flaws.append(
                    Flaw(at, "defaults.extends", "defaults extend nothing; they would go in a circle")
                )
                return None
            layers.append(self._defaults)
        values = layers.pop()
        while layers:
            values = documents.merged(values, layers.pop())
        return values._replace(data={key: one for key, one in values.keys.items() if key != EXTENDS})

    def _mapping(self, path: str) -> PlacedValue | None:
        try:
            tree = documents.read(path)
        except Unusable as error:
            self.flaws.append(findings.of_unusable(error))
            return None
        if not isinstance(tree.data, dict):
            self.flaws.append(Flaw(tree.at, "", "must hold keys with values"))
            return None
        return tree

    def _filled(self, tree: PlacedValue) -> PlacedValue:
        faults: list[Unusable] = []
        values = filled(tree, self._environ, faults)
        self.flaws += [findings.of_unusable(fault) for fault in faults]
        return values

    def settle(
        self, fleet: FleetSettings | None, agents: Mapping[str, Agent], trees: Mapping[str, PlacedValue]
    ) -> None:
        """What files say about each other."""
        if fleet is None:
            return
        for name, agent in agents.items():
            self.flaws += [
                Flaw(documents.place(trees[name], one.keys), ".".join(one.keys), one.words, one.near)
                for one in budget_checks.of_agent(agent, fleet)
            ]
        self.flaws += [
            Flaw(documents.place(self._fleet, one.keys), ".".join(one.keys), one.words, one.near)
            for one in budget_checks.of_fleet(fleet)
        ]

    def settle_default(self, fleet: FleetSettings | None, agents: Mapping[str, Agent]) -> None:
        """Whether the agent that `fleet.yaml` names is one of all those that there are."""
        if fleet is None or self.flaws or fleet.default_agent in {None, *agents}:
            return
        at = documents.place(self._fleet, ("default_agent",))
        near = tuple(findings.nearest(str(fleet.default_agent), list(agents)))
        self.flaws.append(Flaw(at, "default_agent", f"there is no agent {fleet.default_agent}", near))


def _placed(agent: Agent, values: PlacedValue, file: str) -> Agent:
    """The agent with its folders as absolute paths: each is seen from the file that names it."""

    def seen(path: str, *key: str) -> str:
        folder = os.path.dirname(documents.place(values, key).file or file)
        return os.path.normpath(os.path.join(folder, os.path.expanduser(path)))

    facts: dict[str, object] = {"working_directory": seen(agent.working_directory, "working_directory")}
    if agent.repo is not None and "://" not in agent.repo:
        facts["repo"] = seen(agent.repo, "repo")
    if agent.setup.template is not None:
        template = seen(agent.setup.template, "setup", "template")
        facts["setup"] = agent.setup.model_copy(update={"template": template})
    facts["work_source"] = _seen_source(agent.work_source, seen, "work_source")
    facts["schedules"] = {
        name: one.model_copy(
            update={"work_source": _seen_source(one.work_source, seen, "schedules", name, "work_source")}
        )
        for name, one in agent.schedules.items()
    }
    if agent.docker is not None:
        mounts = tuple(_mount(mount, seen) for mount in agent.docker.mounts)
        facts["docker"] = agent.docker.model_copy(update={"mounts": mounts})
    return agent.model_copy(update=facts)


def _seen_source(
    rules: WorkSourceRules | None, seen: Callable[..., str], *key: str
) -> WorkSourceRules | None:
    """The same with an absolute folder."""
    if rules is None or rules.path is None:
        return rules
    return rules.model_copy(update={"path": seen(rules.path, *key, "path")})


def _mount(text: str, seen: Callable[..., str]) -> str:
    """The same with an absolute source, unless that is the name of a volume."""
    source, colon, rest = text.partition(":")
    path = source.startswith((".", "~")) or "/" in source
    return f"{seen(source, 'docker', 'mounts') if path else source}{colon}{rest}"
