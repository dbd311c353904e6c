"""The package `onhost` as one program text, for a host that has only `python3`.

Owns how it is packed and how it unpacks itself: in memory, nothing is written there. It is sent by its length and its
hash, so that a part of it is never run. Needs Python 3.8 there, which a test holds it to.
"""

from __future__ import annotations

import base64
import io
import os
import zipfile
from functools import cache

from gitfleet import onhost
from gitfleet.base.digests import sha256
from gitfleet.codec import Struct

LEAST_PYTHON = (3, 8)

_START = """\
import base64, importlib.abc, importlib.util, io, sys, zipfile
_FILES = zipfile.ZipFile(io.BytesIO(base64.b85decode({packed!r})))
_NAMES = frozenset(_FILES.namelist())
class _Sent(importlib.abc.InspectLoader, importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        inside = name.replace(".", "/")
        package = inside + "/__init__.py" in _NAMES
        if not package and inside + ".py" not in _NAMES:
            return None
        return importlib.util.spec_from_loader(name, self, is_package=package)
    def is_package(self, name):
        return name.replace(".", "/") + "/__init__.py" in _NAMES
    def get_source(self, name):
        inside = name.replace(".", "/")
        return _FILES.read(inside + "/__init__.py" if self.is_package(name) else inside + ".py").decode("utf-8")
    def get_filename(self, name):
        return "<sent>/" + name.replace(".", "/") + ".py"
    def get_code(self, name):
        return self.source_to_code(self.get_source(name), self.get_filename(name))
sys.meta_path.insert(0, _Sent())
sys.argv = {argv!r}
import runpy
runpy.run_module({module!r}, run_name="__main__", alter_sys=False)
"""


class SentProgram(Struct):
    """A program as it is sent: the line that announces it, and its text."""

    head: bytes
    text: bytes


def program(nonce: str) -> SentProgram:
    """The program that answers with this nonce."""
    argv = ["gitfleet on-host", "--nonce", nonce]
    return sent(_START.format(packed=_packed(), argv=argv, module="gitfleet.onhost"))


def sent(source: str) -> SentProgram:
    """A program text with its length and hash."""
    text = source.encode()
    return SentProgram(f"{len(text)} {sha256(text).hexdigest()}\n".encode(), text)


@cache
def _packed() -> str:
    """The modules, as text. The same modules make the same text."""
    folder = os.path.dirname(onhost.__file__)
    modules = {"gitfleet/__init__.py": b""}
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(one for one in folders if one != "__pycache__")
        for name in sorted(one for one in names if one.endswith(".py")):
            path = os.path.join(where, name)
            inside = os.path.join("gitfleet/onhost", os.path.relpath(path, folder))
            with open(path, "rb") as file:
                modules[inside] = file.read()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for inside in sorted(modules):
            archive.writestr(zipfile.ZipInfo(inside), modules[inside], zipfile.ZIP_DEFLATED)
    return base64.b85encode(out.getvalue()).decode()
