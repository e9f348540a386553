"""docs/gallery.md: every figure for notebooks is there, its line runs, and the page is what the script writes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import plotly.graph_objects as go
import pytest

import incident_lib as inc
from incident_lib.explore import page_pictures, pictures

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def gallery():
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("gallery_script", ROOT / "tools" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def records(gallery):
    """Return the sample as the gallery shows it."""
    return inc.load(ROOT / "data", as_of=gallery.AS_OF)


def test_the_page_is_what_the_script_writes(gallery, records):
    """Whoever changes a figure's words, its line or the sample runs ``make gallery``; each line gives a figure."""
    written = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")

    assert written == gallery.gallery_text(records), "docs/gallery.md is out of date: make gallery"
    assert all(isinstance(gallery.drawn(one, records), go.Figure) for one in gallery.shown()[:3])


def test_every_figure_has_a_picture_of_moderate_size(gallery):
    """Each figure's picture is beside the page, none is left over, none is larger than 120 kB."""
    files = {path.stem: path.stat().st_size for path in (ROOT / "docs" / "gallery").glob("*.png")}

    assert files.keys() == {one.name for one in gallery.shown()}
    assert max(files.values()) <= gallery.MOST_BYTES


def test_every_figure_for_notebooks_is_shown(gallery):
    """What draws a figure of records stands in the gallery; ``pareto`` draws tables only."""
    lines = "\n".join(one.line for one in gallery.shown())
    names = {*pictures.__all__, *page_pictures.__all__} - {"pareto"}

    assert not {name for name in names if f"inc.{name}(" not in lines}
