"""What commands share: options, and the one place where the clock is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click


def workbook_folder(data: str) -> str:
    """Return the folder that was named, if it is there; notebooks look one folder higher too, commands don't.

    Raises:
        SettingsError: if it isn't there.
    """
    from pathlib import Path

    from incident_lib.errors import SettingsError

    if "://" not in data and not Path(data).is_dir():
        raise SettingsError(f"there is no folder {data}; expected a workbook, a folder with a workbook.toml")
    return data


_DATA = {"default": "data", "show_default": True, "metavar": "FOLDER", "help": "The workbook's folder."}
DATA = click.option("--data", callback=lambda context, parameter, data: workbook_folder(data), **_DATA)
ANY_DATA = click.option("--data", **_DATA)  # for what makes do without, or says in its own way that it is missing
REPORTS = click.option("--reports", default="reports", show_default=True, metavar="FOLDER", help="Where reports go.")
AS_OF = click.option(
    "--as-of",
    metavar="TIME",
    help="What was known then: a date, or an ISO 8601 time with offset.  [default: newest record]",
)
AT = click.option("--at", metavar="TIME", help="When it was done: an ISO 8601 time with offset.  [default: now]")
BY = click.option("--by", metavar="NAME", help="Who did it.")
NOW = "INCIDENTS_NOW"


def moment(text: str | None, *, name: str = "--at") -> Any:
    """Return a time that was stated, or else the present one: that of the variable INCIDENTS_NOW if it is set.

    Nothing below the command line knows the time of day, so that everything can be made again as of any moment.

    Raises:
        SettingsError: for a time that can't be read, has no offset, or lies ahead.
    """
    import pandas as pd

    from incident_lib.errors import FieldError, SettingsError
    from incident_lib.sources.fields import parse_time

    def parsed(value: str, what: str) -> Any:
        try:
            return pd.Timestamp(parse_time(value))
        except FieldError as error:
            raise SettingsError(f"{what}: {error}") from error

    stated = os.environ.get(NOW)
    present = parsed(stated, NOW) if stated else pd.Timestamp.now(tz="UTC").floor("s")
    at = parsed(text, name) if text else present
    if at > present:
        raise SettingsError(f"{name}: {text} lies ahead; it is {present:%Y-%m-%dT%H:%M:%SZ}")
    return at


def records_now(data: str) -> Any:
    """Return all that a workbook's files hold, whenever it is dated: what commands that write have to know."""
    from incident_lib.loading import load

    return load(data)


Command = Callable[..., Any]
