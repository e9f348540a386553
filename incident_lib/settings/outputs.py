"""What is made: what never leaves the house, how pages are drafted, the review, and how reports are published."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from incident_lib.review.factors import FACTORS, SURPRISE_WORDS
from incident_lib.settings.base import ClockTime, Model


class Privacy(Model):
    """What never leaves the house, beside secrets: internal host names, and words of your own."""

    internal_hosts: tuple[str, ...] = Field(default=(".internal", ".local", ".lan"), strict=False)
    words: tuple[str, ...] = Field(default=(), strict=False)


class Page(Model):
    """How pages are drafted: the template, and a command that may write a summary (none by default).

    ``template`` is the name of one of ours (``postmortem.md.j2``, ``pagerduty.md.j2``), or of a file in the workbook's
    own ``templates`` folder, which is looked at first. ``summariser`` is a command and its arguments: it gets the
    redacted facts as JSON on stdin, and what it prints goes into the page, marked as written by a machine.
    """

    template: str = Field(default="postmortem.md.j2", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    summariser: tuple[str, ...] = Field(default=(), strict=False)
    summariser_seconds: int = Field(default=60, ge=1, le=600)


class Review(Model):
    """How the process is reviewed: how long the meeting is, and below which number a group is given no figure.

    ``factors`` names kinds of contributing factors, and the words by which they are known in a page's text.
    """

    minutes: int = Field(default=30, ge=10, le=240)
    small_group: int = Field(default=5, ge=2, le=100)
    opens: ClockTime = "08:00"
    closes: ClockTime = "18:00"
    factors: dict[str, Annotated[tuple[str, ...], Field(strict=False)]] = FACTORS
    surprise_words: tuple[str, ...] = Field(default=SURPRISE_WORDS, strict=False)

    @model_validator(mode="after")
    def _opens_first(self) -> Review:
        if self.opens >= self.closes:
            raise ValueError(f"working hours must open before they close: {self.opens!r} to {self.closes!r}")
        return self


class Reports(Model):
    """How reports are published: plotly.js inside each page (2 MB, one file is all), or one shared file beside them.

    A batch or a scheduled run makes ``workers`` of them at a time (0: one for each core), and gives each notebook
    ``notebook_megabytes`` beyond what it starts with, and each of its cells ``cell_seconds``.
    """

    plotly: Literal["inside", "shared"] = "inside"
    workers: int = Field(default=0, ge=0, le=256)
    notebook_megabytes: int = Field(default=4000, ge=200)
    cell_seconds: int = Field(default=600, ge=1, le=86_400)
