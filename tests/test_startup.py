"""Commands that need no pandas answer at once: which modules they load."""

import os
import subprocess
import sys

import pytest

from incident_lib.cli import cli
from incident_lib.new_workbook import FILE_NAME
from incident_lib.settings import FILE_NAME as NAME_IN_SETTINGS

HEAVY = {"pandas", "numpy", "pyarrow", "papermill", "plotly", "nbformat", "nbconvert", "nbclient", "pydantic", "IPython",
         "jinja2", "rich", "sqlalchemy", "distributed", "asyncio", "ruamel", "httpx2", "duckdb"}  # fmt: skip
AFTER = """
import sys
from incident_lib.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("\\nLOADED", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded(*arguments):
    """Return which top-level modules a command has loaded when it ends."""
    done = subprocess.run([sys.executable, "-c", AFTER, *arguments], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(("stated", "told"), [(None, "0"), ("1", "1")], ids=["by us", "by the user"])
def test_arrow_does_without_huge_pages(stated, told):
    """The package tells Arrow's allocator to do without huge pages, unless the user says otherwise."""
    own = {name: value for name, value in os.environ.items() if name != "MIMALLOC_ALLOW_THP"}
    code = "import incident_lib, os; print(os.environ['MIMALLOC_ALLOW_THP'])"
    environment = own | ({"MIMALLOC_ALLOW_THP": stated} if stated else {})

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)

    assert done.stdout.strip() == told


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("draft", "--help"), ("run", "--help")],
                         ids=" ".join)  # fmt: skip
def test_help_loads_nothing_heavy(arguments):
    """Help and version need no library but click."""
    found = loaded(*arguments)

    assert "click" in found and found & HEAVY == set()


def test_every_commands_help_is_light():
    """No command's options need a heavy library to be described."""
    code = (f"from click.testing import CliRunner\nfrom incident_lib.cli import cli\nimport sys\n"
            f"for name in sorted(cli.commands):\n"
            f"    assert CliRunner().invoke(cli, [name, '--help']).exit_code == 0, name\n"
            f"    print(name, *sorted(set(sys.modules) & {HEAVY - {'asyncio'}!r}))")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == sorted(cli.commands)


def test_making_a_workbook_or_a_sample_needs_no_tables(tmp_path):
    """What only writes files loads neither pandas nor the settings' model."""
    assert loaded("init", str(tmp_path / "new")) & (HEAVY - {"asyncio"}) == set()
    assert loaded("sample", str(tmp_path / "demo"), "--incidents", "20") & {"pandas", "papermill", "plotly"} == set()
    assert FILE_NAME == NAME_IN_SETTINGS


def test_reading_a_workbook_needs_no_notebook(tmp_path):
    """'incidents check' loads pandas, but nothing that runs or exports notebooks, or draws."""
    loaded("sample", str(tmp_path / "demo"), "--incidents", "20")
    code = AFTER.replace("assert not end.code, end.code", "pass")
    done = subprocess.run([sys.executable, "-c", code, "check", "--data", str(tmp_path / "demo")], capture_output=True,
                          text=True, check=True)  # fmt: skip
    found = set(done.stdout.splitlines()[-1].split()[1:])

    assert "pandas" in found and found & {"papermill", "nbconvert", "nbformat", "nbclient", "plotly", "IPython"} == set()
