"""A new workbook: commented settings and empty folders, for somebody's own records."""

from __future__ import annotations

from pathlib import Path

from incident_lib.errors import WorkbookError
from incident_lib.files import create_only

FILE_NAME = "workbook.toml"  # as in settings, which would import pydantic for it
FOLDERS = ("pagerduty", "postmortems", "reviews", "slack", "statuspage")
SETTINGS = Path(__file__).parent / "templates" / FILE_NAME


def create_workbook(folder: Path) -> list[str]:
    """Make a workbook's settings and folders; return what was made. What is there already is left as it is.

    Raises:
        WorkbookError: if the folder has settings already, or can't be written.
    """
    if (folder / FILE_NAME).exists():
        raise WorkbookError(f"{folder} is a workbook already; nothing was changed")
    made = [name for name in FOLDERS if not (folder / name).exists()]
    try:
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkbookError(f"can't make the folder {folder}: {error.strerror}") from error
    create_only(folder / FILE_NAME, SETTINGS.read_bytes())
    return [FILE_NAME, *(f"{name}/" for name in made)]
