"""Which names a source file defines, and how well that tells doubled definitions from others."""

from __future__ import annotations

import pytest

from gitfleet.radar import definitions
from tests.radar import corpus

CASES: dict[str, tuple[str, str, set[str]]] = {
    "python": ("py", "class A:\n    def run(self): ...\n\n\nasync def go(): ...\n", {"A", "A.run", "go"}),
    "two classes": ("py", "class A:\n    def run(self): ...\nclass B:\n    def run(self): ...\n", {"A", "A.run", "B", "B.run"}),
    "a setter": ("py", "class A:\n    @property\n    def x(self): ...\n    @x.setter\n    def x(self, v): ...\n", {"A", "A.x"}),
    "overloads": ("py", "@overload\ndef f(a: int): ...\n@typing.overload\ndef f(a: str): ...\ndef f(a): ...\n", {"f"}),
    "a name twice": ("py", "def f(): ...\ndef f(): ...\n", set()),
    "a fallback": ("py", "try:\n    def f(): ...\nexcept OSError:\n    def f(): ...\n", {"f"}),
    "braces below": ("cs", "class A\n{\n    class X\n    {\n    }\n}\nclass B\n{\n    class X\n    {\n    }\n}\n", {"A", "A.X", "B", "B.X"}),
    "typescript": ("ts", "export async function go() {\n}\nconst x = 1\nexport type T = 1\n", {"go", "x", "T"}),
    "go": ("go", "func (s *Server) Run() {\n}\nfunc Run[T any]() {\n}\ntype Run struct {\n", {"(s *Server) Run", "Run"} - {"Run"}),
    "rust": ("rs", "impl A {\n    pub fn new() {}\n}\nimpl B {\n    pub(crate) async fn new() {}\n}\n", {"new"}),
    "kotlin": ("kt", "fun f(a: Int) = 1\nfun f(a: String) = 2\nfun f(a: Int) = 3\n", {"f(a: String)"}),
    "shell": ("sh", "go() {\n  x\n}\nfunction stop() {\n", {"go", "stop"}),
    "toml": ("toml", "[a]\nx = 1\n[b]\n[[c]]\n", {"a", "b"}),
    "no text at all": ("py", "\0\x01\ufffd", set()),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_names_of_a_file_are_those_that_it_defines_once_in_each_place(case: str) -> None:
    ending, text, names = CASES[case]
    assert {definitions.words(name) for name in definitions.defined(text, ending)} == names


@pytest.mark.parametrize(
    ("path", "known"), [("a/b.py", True), ("b.PY", True), ("Makefile", False), ("x.md", False), ("py", False)]
)
def test_file_is_code_by_its_ending(path: str, known: bool) -> None:
    assert definitions.is_code(path) is known


def test_doubled_definitions_of_real_sources_are_reported_and_others_with_one_name_are_not() -> None:
    score = corpus.watched(150)
    assert score.wrong == 0
    assert score.right >= 0.95 * score.doubled
    assert score.doubled == score.single == 150
