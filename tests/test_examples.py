"""Every name that notebooks use has an example in its docstring, and each example does what it says."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path

import pandas as pd
import pytest

import incident_lib as inc
from incident_lib.records import Records

ROOT = Path(__file__).parents[1]
METHODS = ("where", "filter_line", "sql", "incident", "__getitem__")
FUNCTIONS = sorted(name for name in inc.__all__ if callable(getattr(inc, name)))
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(scope="module")
def records() -> Records:
    """Return the sample as it was known at a fixed time: examples name figures."""
    return inc.load(ROOT / "data", as_of="2026-09-30")


def described(name: str) -> object:
    """Return the function, class or method of this name."""
    return getattr(Records, name) if name in METHODS else getattr(inc, name)


def test_every_name_for_notebooks_has_an_example():
    """What can be called through ``inc.`` shows in its docstring how."""
    without = [name for name in (*FUNCTIONS, *METHODS) if ">>> " not in (inspect.getdoc(described(name)) or "")]

    assert not without, f"no example in the docstring of: {', '.join(without)}"


@pytest.mark.parametrize("name", [*FUNCTIONS, *METHODS])
def test_each_example_does_what_it_says(name, records, monkeypatch):
    """Run with ``inc``, ``pd`` and ``records`` (the sample as of 2026-09-30) at hand, it prints what stands there."""
    monkeypatch.chdir(ROOT)
    names = {"inc": inc, "pd": pd, "records": records}
    text = inspect.getdoc(described(name)) or ""
    example = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    said: list[str] = []

    failed, _ = doctest.DocTestRunner(optionflags=OPTIONS).run(example, out=said.append)

    assert not failed, "".join(said)
