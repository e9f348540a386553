"""All readers, in the order in which they are asked; the first that recognises a source reads it.

Formats that can be told by their content alone come first, those that take anything with fitting columns last.
"""

from incident_lib.sources import (
    firehydrant,
    foreign_pages,
    github_issues,
    github_status,
    googlecloud,
    incident_io,
    jira,
    mail,
    opsgenie,
    pagerduty,
    pages,
    reviews,
    rootly,
    servicenow,
    slack,
    statuspage,
    tabular,
)
from incident_lib.sources.reading import Reader

READERS: tuple[Reader, ...] = (
    foreign_pages.READER,  # first: among our own pages it takes only what is certainly foreign
    pages.READER,
    reviews.READER,
    mail.READER,
    slack.READER,
    pagerduty.READER,
    statuspage.READER,
    github_status.READER,
    googlecloud.READER,
    servicenow.READER,
    opsgenie.READER,
    incident_io.READER,
    firehydrant.READER,
    rootly.READER,
    github_issues.READER,
    jira.READER,
    tabular.READER,
)
