"""Running a notebook: parameters, success and failure, and the same bytes from the same inputs."""

import json
import stat
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from incident_lib.errors import ReportError, SettingsError
from incident_lib.reports.executed import done_of, failure_of, section_of, settled
from incident_lib.reports.paper import pdf_of
from incident_lib.reports.run import Forms, Report, check_parameters, declared, execute, read_notebook, run_report

PARAMETERS = "data = 'data'  # the workbook's folder\nas_of = None  # ISO time"
FINISH = """
from IPython.display import display
done = {"title": "T", "answer": f"Read {data}.", "as_of": "2026-03-31T17:00:00Z", "sources": {}, "incidents": []}
display({"application/vnd.incident-workbook.done+json": done}, raw=True)
"""


def write_notebook(folder, *cells, finish=FINISH, parameters=PARAMETERS):
    """Write a small notebook: a title, parameters, the cells (Markdown where they begin with #), the end; its path."""
    middle = [new_markdown_cell(cell) if cell.startswith("#") else new_code_cell(cell) for cell in cells]
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    last = [new_code_cell(finish, metadata={"tags": ["remove-input"]})] if finish else []
    path = folder / "small.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# On time?"), first, *middle, *last]), path)
    return path


def run(folder, *cells, parameters=None, seconds=600, name="", **rest):
    """Run a small notebook into ``reports`` in the folder."""
    report = Report("timeliness", name, write_notebook(folder, *cells, **rest), parameters or {}, "Timeliness")
    return run_report(report, reports=folder / "reports", cell_seconds=seconds)


def contents(folder):
    """Return all files of a folder by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_report_is_published_with_page_notebook_and_manifest(tmp_path):
    """A run leaves page, executed notebook and manifest, and says what the notebook said of itself."""
    published = run(tmp_path, "## In short", "print('seen')", parameters={"data": "elsewhere"})

    assert set(contents(published.folder)) == {"timeliness.html", "timeliness.ipynb", "timeliness.md", "manifest.json"}
    assert (published.title, published.answer, published.as_of) == ("T", "Read elsewhere.", "2026-03-31T17:00:00Z")
    assert "seen" in published.page.read_text()
    assert json.loads(published.manifest.read_text())["parameters"] == {"data": "elsewhere"}
    assert [path.name for path in (tmp_path / "reports").iterdir() if path.name.startswith(".s")] == []


def test_same_inputs_give_the_same_bytes(tmp_path):
    """Two runs of a notebook with a warning, a figure and an object give byte-identical folders."""
    cells = ["import warnings; warnings.warn('careful')", "object()", "print(hash('salted'))",
             "import plotly.graph_objects as go\ngo.Figure(go.Bar(x=['a'], y=[1]))"]  # fmt: skip
    first = contents(run(tmp_path, *cells).folder)

    assert contents(run(tmp_path, *cells).folder) == first


def test_unknown_parameter_is_refused_before_anything_runs(tmp_path):
    """A parameter that the notebook does not declare is an error that names the nearest one."""
    with pytest.raises(SettingsError, match=r"no parameter 'as_off'; did you mean 'as_of'\?"):
        run(tmp_path, parameters={"as_off": "2026-03-31"})
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("value", [float("nan"), Path("x"), ["a"], "a\0b", "\ud800", "postgresql://u:hunter2@db/x"])
def test_parameter_values_are_plain(value):
    """Only texts, finite numbers, flags and None are parameters, and a password is never one."""
    with pytest.raises(SettingsError, match="parameter 'data'") as caught:
        check_parameters({"data": value}, ["data"], name="x.ipynb")
    assert "hunter2" not in str(caught.value)


def test_declared_parameters_are_those_of_the_tagged_cell(tmp_path):
    """The cell tagged ``parameters`` declares; comments and None are fine."""
    assert declared(read_notebook(write_notebook(tmp_path, "other = 1"))) == ["data", "as_of"]


def test_failing_cell_is_named_and_last_good_report_stays(tmp_path):
    """An exception is reported with its section, the old report is untouched, and the failed notebook is kept."""
    before = contents(run(tmp_path, "## Numbers", "1 + 1").folder)

    with pytest.raises(ReportError, match=r"in the section 'Numbers': ValueError: no rows; the ") as caught:
        run(tmp_path, "## Numbers", "raise ValueError('no rows\\nsecond line')")

    kept = tmp_path / "reports" / ".failed" / "timeliness.ipynb"
    assert str(kept) in str(caught.value) and "no rows" in kept.read_text()
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert contents(tmp_path / "reports" / "timeliness") == before


def test_good_run_clears_the_failed_notebook(tmp_path):
    """After a good run nothing suggests that the report still fails."""
    with pytest.raises(ReportError):
        run(tmp_path, "1 / 0")
    run(tmp_path, "1")

    assert list((tmp_path / "reports" / ".failed").iterdir()) == []


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("import sys; sys.exit(0)", "a cell left the notebook by sys.exit"),
        ("import sys; sys.exit(3)", "a cell left the notebook by sys.exit"),
        ("import os; os._exit(1)", "the kernel died"),
        ("import time; time.sleep(60)", "a cell took longer than it may"),
        ("input('name?')", "StdinNotImplementedError"),
    ],
)
def test_early_ends_are_failures(tmp_path, cell, reason):
    """Leaving, dying, hanging and asking are failures, whatever papermill makes of them."""
    with pytest.raises(ReportError, match=f"in the section 'Middle': {reason}"):
        run(tmp_path, "## Middle", cell, seconds=4)
    assert not (tmp_path / "reports" / "timeliness").exists()


def test_notebook_must_say_that_it_is_done(tmp_path):
    """A notebook that runs to its end without the closing word is not published."""
    with pytest.raises(ReportError, match="did not say that it is done"):
        run(tmp_path, "1", finish="")


def test_missing_or_broken_notebook_is_one_sentence(tmp_path):
    """No notebook, and a file that is none, are reported as such."""
    with pytest.raises(ReportError, match="there is no notebook"):
        read_notebook(tmp_path / "none.ipynb")
    (tmp_path / "broken.ipynb").write_text("{")
    with pytest.raises(ReportError, match=r"broken\.ipynb is not a notebook"):
        read_notebook(tmp_path / "broken.ipynb")


def test_kernel_is_this_interpreter_on_private_sockets(tmp_path, monkeypatch):
    """The kernel is sys.executable although ``python3`` is shadowed, listens on no port, and its folder is private."""
    shadow = tmp_path / "jupyter" / "kernels" / "python3"
    shadow.mkdir(parents=True)
    (shadow / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "no", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    cell = (
        "import os, stat, sys, json\nfrom ipykernel.kernelapp import IPKernelApp as A\n"
        "path = A.instance().connection_file\ninfo = json.load(open(A.instance().abs_connection_file))\n"
        "print(sys.executable, info['transport'], oct(stat.S_IMODE(os.stat(os.path.dirname(info['ip'])).st_mode)))"
    )
    executed, trouble = execute(read_notebook(write_notebook(tmp_path, cell)), {}, tmp_path / "out{0}.ipynb")

    assert trouble is None and (tmp_path / "out{0}.ipynb").exists()
    assert executed.cells[2].outputs[0].text == f"{sys.executable} ipc 0o1700\n"


def test_start_up_files_of_the_user_do_not_take_part(tmp_path, monkeypatch):
    """Code in the user's IPython start-up folder does not run in a report."""
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("leaked = 1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = read_notebook(write_notebook(tmp_path, "print('leaked' in globals())"))
    executed, _ = execute(notebook, {}, tmp_path / "out.ipynb")

    assert executed.cells[2].outputs[0].text == "False\n"


def test_unexecuted_cell_is_a_failure_without_an_exception():
    """A code cell without an execution count means that the run did not finish; an empty one does not count."""
    notebook = new_notebook(cells=[new_markdown_cell("# Top\n## Low #"), new_code_cell("1"), new_code_cell("")])

    assert failure_of(notebook).section == "Low"
    assert section_of(notebook, 0) == ""


def test_only_the_last_code_cell_can_say_done():
    """The closing word counts in the last code cell only, and only as a dictionary."""
    said = [new_output("display_data", {"application/vnd.incident-workbook.done+json": {"answer": "x"}})]
    early = new_notebook(cells=[new_code_cell("a", outputs=said), new_code_cell("b")])

    assert done_of(early) is None
    assert done_of(new_notebook(cells=[new_code_cell("a", outputs=said), new_code_cell("  ")])) == {"answer": "x"}
    assert done_of(new_notebook()) is None


def test_settled_notebook_has_no_trace_of_the_run():
    """Random ids, timings, addresses and process numbers go; tags stay; the given notebook is not changed."""
    text = "/tmp/ipykernel_123/456.py:1: UserWarning\n<object at 0x7f00aa11bb22>"
    cell = new_code_cell("1", outputs=[new_output("stream", name="stderr", text=text)])
    times = {"papermill": {"start_time": "now"}, "execution": {"iopub.execute_input": "now"}}
    cell.metadata = nbformat.from_dict({"tags": ["t"], **times})
    notebook = new_notebook(cells=[cell], metadata={"papermill": {"duration": 1}})
    clean = settled(notebook)

    assert clean.cells[0].outputs[0].text == "<cell>:1: UserWarning\n<object>"
    assert (clean.cells[0].id, clean.cells[0].metadata) == ("cell-1", {"tags": ["t"]})
    assert "papermill" not in nbformat.writes(clean) and "papermill" in notebook.metadata


def test_other_forms_come_from_the_same_run(tmp_path):
    """Markdown says what the page says, with tables as tables; nothing from data is markup in it."""
    cell = (
        "from IPython.display import display\n"
        "display({'application/vnd.incident-workbook.table+json': {'name': 't', 'title': 'A|b', 'columns': ['x'],"
        " 'rows': [['<b>|c'], [None]]}, 'text/plain': 't'}, raw=True)"
    )
    published = run(tmp_path, "## Numbers", cell)
    text = (published.folder / "timeliness.md").read_text()

    assert text.startswith("# On time?\n\n## Numbers\n\n**A\\|b**\n\n| x |\n| --- |\n| \\<b\\>\\|c |\n|  |\n")


def test_shared_plotly_lies_beside_the_reports(tmp_path):
    """With the setting the page is small, and a report without figures brings no such file."""
    figure = "import plotly.graph_objects as go\ngo.Figure(go.Bar(x=['a'], y=[1]))"
    report = Report("timeliness", "2026-Q1", write_notebook(tmp_path, "1"))
    run_report(report, reports=tmp_path / "reports", forms=Forms(shared_plotly=True))
    assert not list((tmp_path / "reports").glob("plotly-*"))
    report = Report("timeliness", "2026-Q1", write_notebook(tmp_path, figure))
    page = run_report(report, reports=tmp_path / "reports", forms=Forms(shared_plotly=True)).page.read_text()

    [shared] = (tmp_path / "reports").glob("plotly-*.min.js")
    assert f'<script src="../../{shared.name}"></script>' in page and len(page) < 100_000


@pytest.mark.skipif(not Path("/usr/bin/chromium").exists(), reason="there is no Chromium")
def test_pdf_is_the_same_each_time(tmp_path):
    """A page printed twice gives the same bytes, dated by the report."""
    page = b"<!doctype html><html lang=en><title>T</title><h1>Text"
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(pdf_of(page, tmp_path / name, as_of="2026-03-31T17:00:00Z"))

    assert made[0] == made[1] and b"D:20260331170000" in made[0]


def test_without_a_browser_a_pdf_is_refused_in_a_sentence(tmp_path, monkeypatch):
    """It is said before anything runs, with what to do."""
    monkeypatch.setenv("INCIDENTS_CHROMIUM", str(tmp_path / "none"))
    report = Report("timeliness", "", write_notebook(tmp_path, "1"))
    with pytest.raises(ReportError, match="a PDF needs Chromium or Chrome, and none was found"):
        run_report(report, reports=tmp_path / "reports", forms=Forms(pdf=True))
    assert not (tmp_path / "reports").exists()
