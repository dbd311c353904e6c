"""How a session is set up before its first prompt: mode, model, and options of the agent's own, by the way that it offers. Pure.

What the session does not have is a reason to give up, and no prompt is sent: an agent in another mode than the file names may do
what nobody allowed.
"""

from __future__ import annotations

from typing import NamedTuple

from gitfleet.jobs.adapters.acp.agents import AcpAgent
from gitfleet.jobs.adapters.acp.brief import AcpBrief
from gitfleet.jobs.adapters.acp.wire import table
from gitfleet.jobs.adapters.jsonlines import list_of, tables_of

_SHOWN = 20


class UnusableSetting(Exception):
    """The session has no such setting, or not this value; the text says so in words."""


class SessionSetting(NamedTuple):
    """One request that sets something; `what` names it with its value. `mode`: the mode that it sets, "" where it sets no mode."""

    method: str
    params: dict[str, object]
    what: str
    mode: str = ""


def wanted(session: dict[str, object], brief: AcpBrief, agent: AcpAgent) -> list[SessionSetting]:
    """The requests for a session that was answered so. Raises UnusableSetting."""
    found = []
    if mode := brief.mode or agent.asks:
        found.append(_mode(session, mode))
    if brief.model:
        found.append(_model(session, brief.model))
    for key, value in brief.config.items():
        option = next((one for one in tables_of(session.get("configOptions")) if one.get("id") == key), None)
        if option is None:
            known = [str(one.get("id")) for one in tables_of(session.get("configOptions"))]
            raise UnusableSetting(f"the session has no option '{key}'; it has {_listed(known)}")
        found.append(_option(option, value, f"the option {key}"))
    return found


def mode_of(told: dict[str, object]) -> str:
    """The mode that a session's answer, or an update of one, says it is in; "" where it does not say."""
    for value in (
        told.get("currentModeId"),
        table(told.get("modes")).get("currentModeId"),
        (_of_category(told, "mode") or {}).get("currentValue"),
    ):
        if isinstance(value, str) and value:
            return value
    return ""


def model_of(told: dict[str, object]) -> str:
    """The model that a session's answer says it uses; "" where it does not say."""
    for value in (
        (_of_category(told, "model") or {}).get("currentValue"),
        table(told.get("models")).get("currentModelId"),
    ):
        if isinstance(value, str) and value:
            return value[:256]
    return ""


def _mode(session: dict[str, object], mode: str) -> SessionSetting:
    modes = _ids(table(session.get("modes")).get("availableModes"), "id")
    option = _of_category(session, "mode") or {}
    if mode in modes:
        return SessionSetting("session/set_mode", {"modeId": mode}, f"the mode {mode}", mode)
    values = _values(option.get("options"))
    if mode in values:
        return _option(option, mode, "the mode")._replace(mode=mode)
    raise UnusableSetting(f"the session has no mode '{mode}'; it has {_listed(modes or values)}")


def _model(session: dict[str, object], model: str) -> SessionSetting:
    if option := _of_category(session, "model"):
        return _option(option, model, "the model")
    models = _ids(table(session.get("models")).get("availableModels"), "modelId")
    if model in models:
        return SessionSetting("session/set_model", {"modelId": model}, f"the model {model}")
    raise UnusableSetting(
        f"the session has no model '{model}'; it has {_listed(models)}; some agents take it as an argument in `command`"
    )


def _option(option: dict[str, object], value: object, what: str) -> SessionSetting:
    values = _values(option.get("options"))
    if values and value not in values:
        raise UnusableSetting(f"{what} cannot be '{value}'; it can be {_listed(values)}")
    kind = {"type": "boolean"} if isinstance(value, bool) else {}
    return SessionSetting(
        "session/set_config_option", {"configId": option.get("id"), **kind, "value": value}, f"{what} {value}"
    )


def _of_category(told: dict[str, object], category: str) -> dict[str, object] | None:
    return next(
        (one for one in tables_of(told.get("configOptions")) if one.get("category") == category), None
    )


def _values(options: object) -> list[str]:
    """The values of an option that is one of several, those in groups included."""
    groups = [table(one).get("options") for one in list_of(options)]
    return [value for listed in (options, *groups) for value in _ids(listed, "value")]


def _ids(listed: object, key: str) -> list[str]:
    found = [one if isinstance(one, str) else table(one).get(key) for one in list_of(listed)]
    return [one for one in found if isinstance(one, str)]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(name[:80] for name in names[:_SHOWN]) + more or "none"
