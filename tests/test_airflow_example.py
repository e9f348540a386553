"""The Airflow example, without Airflow: benchmarks/airflow_standalone.py runs it for real."""

import ast
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from jinja2 import StrictUndefined, Template

EXAMPLE = Path(__file__).parents[1] / "examples" / "airflow" / "incident_reports.py"
SLOT, LATER = datetime(2026, 10, 1, 7, tzinfo=UTC), datetime(2026, 10, 8, 15, 30, tzinfo=UTC)


def template(name):
    """Return one of the example's templates, strict about names as Airflow's are."""
    for node in ast.parse(EXAMPLE.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return Template(ast.literal_eval(node.value), undefined=StrictUndefined)
    raise AssertionError(f"no {name} in {EXAMPLE.name}")


@pytest.mark.parametrize(
    ("end", "as_of", "day"),
    [(SLOT, "2026-10-01T07:00:00Z", "2026-10-01"), (None, "2026-10-08T15:30:00Z", "2026-10-08")],
    ids=["scheduled", "triggered without a date"],
)
def test_each_run_is_as_of_its_own_moment(end, as_of, day):
    """A repeated run keeps its slot's moment; one triggered without a date, which has no interval, takes its own."""
    run = SimpleNamespace(data_interval_end=end, run_after=LATER)
    # Airflow leaves the interval's names out of the context where there is no interval
    context = {"dag_run": run} | ({"data_interval_end": end} if end else {})

    assert template("AS_OF").render(context) == as_of
    assert template("DAY").render(context) == day
