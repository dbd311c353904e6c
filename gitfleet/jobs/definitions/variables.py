"""`${VAR}` and `${VAR:-default}` in agent files; `$${` stands for `${`.

What a variable holds is never looked at for variables again. A value without quotes is read as YAML reads it once its
variables are in: `concurrency: ${N}` is a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gitfleet.jobs.definitions.documents import PlacedValue, Unusable, resolved

_REFERENCE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")


def filled(
    value: PlacedValue, environ: Mapping[str, str], faults: list[Unusable], key: str = ""
) -> PlacedValue:
    """The value with its variables in; what cannot be put in is added to `faults`."""
    match value.data:
        case dict():
            inner = {
                name: filled(one, environ, faults, f"{key}.{name}" if key else name)
                for name, one in value.data.items()
            }
            return value._replace(data=inner)
        case list():
            return value._replace(
                data=[filled(one, environ, faults, f"{key}[{n}]") for n, one in enumerate(value.data)]
            )
        case str() if "${" in value.data:
            return _filled(value, value.data, environ, faults, key)
    return value


def _filled(
    value: PlacedValue, said: str, environ: Mapping[str, str], faults: list[Unusable], key: str
) -> PlacedValue:
    used = False

    def put(found: re.Match[str]) -> str:
        nonlocal used
        if found[0] == "$${":
            return "${"
        name, default = found[1], found[2]
        used = True
        if name is None:
            words = "has a ${ that begins no ${NAME} or ${NAME:-default}; $${ stands for ${ itself"
        elif default is not None and "${" in default:
            words = f"has a variable in the default of {name}, and no default may have one"
        elif default is not None:
            return environ.get(name) or default
        elif name in environ:
            return environ[name]
        else:
            words = f"the environment variable {name} is not set; ${{{name}:-default}} gives it a default"
        faults.append(Unusable(value.at, words, key))
        return ""

    text = _REFERENCE.sub(put, said)
    return value._replace(data=resolved(text) if used and value.plain else text)
