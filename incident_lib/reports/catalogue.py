"""Which reports there are: kind, notebook, and how a command's arguments become its parameters."""

from __future__ import annotations

from pathlib import Path

from incident_lib.errors import ReportError
from incident_lib.files import safe_name
from incident_lib.reports.run import Report

_PACKAGE = Path(__file__).resolve().parents[1]


def notebooks_folder() -> Path:
    """Return where the notebooks are: beside the package in a checkout, inside it in an installed wheel.

    Raises:
        ReportError: if they are in neither place.
    """
    for folder in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks"):
        if (folder / "timeliness.ipynb").is_file():
            return folder
    raise ReportError(
        f"the notebooks are missing; expected them in {_PACKAGE / 'notebooks'}: install the package again"
    )


def timeliness(data: str, as_of: str | None, period: str | None = None, since: str | None = None) -> Report:
    """Return the timeliness report, of everything or of one period; ``since`` is when the last one was made."""
    parameters = {"data": data, "as_of": as_of, "period": period, "since": since}
    return Report("timeliness", period or "", notebooks_folder() / "timeliness.ipynb", parameters, "Timeliness")


def explore(data: str, as_of: str | None, period: str | None = None) -> Report:
    """Return the exploring notebook as a page: the trends of all incidents, or of those of a period."""
    parameters = {"data": data, "as_of": as_of, "period": period}
    title = f"Trends {period}" if period else "Trends"
    return Report("explore", period or "", notebooks_folder() / "explore.ipynb", parameters, title)


def process_review(data: str, as_of: str | None, period: str) -> Report:
    """Return the process review of a period."""
    parameters = {"data": data, "as_of": as_of, "period": period}
    notebook = notebooks_folder() / "process_review.ipynb"
    return Report("process-review", period, notebook, parameters, f"Process review {period}")


def service_review(data: str, as_of: str | None, period: str, customer: str) -> Report:
    """Return the service review of a period for one customer."""
    parameters = {"data": data, "as_of": as_of, "period": period, "customer": customer}
    notebook = notebooks_folder() / "service_review.ipynb"
    name, title = f"{period}-{safe_name(customer)}", f"Service review {period}"
    return Report("service-review", name, notebook, parameters, title, outside=True)


def postmortem_draft(data: str, as_of: str | None, incident_id: str, owner: str | None = None) -> Report:
    """Return the draft report of an incident."""
    parameters = {"data": data, "as_of": as_of, "incident_id": incident_id, "owner": owner}
    notebook = notebooks_folder() / "postmortem_draft.ipynb"
    return Report("postmortem-draft", incident_id, notebook, parameters, f"Post-mortem draft {incident_id}")


def follow_up(data: str, as_of: str | None, owner: str | None = None) -> Report:
    """Return the follow-up board, of everybody or of one owner."""
    parameters = {"data": data, "as_of": as_of, "owner": owner, "customer": None}
    name = safe_name(owner) if owner else ""
    return Report("follow-up", name, notebooks_folder() / "follow_up.ipynb", parameters, "Follow-up board")


def customer_page(data: str, as_of: str | None, customer: str) -> Report:
    """Return the page of one customer, which holds nothing about anybody else."""
    parameters = {"data": data, "as_of": as_of, "customer": customer}
    notebook = notebooks_folder() / "customer.ipynb"
    return Report("customer", safe_name(customer), notebook, parameters, f"Incidents of {customer}", outside=True)
