"""All readers, in the order in which they are asked; the first that recognises a source reads it.

Formats that can be told by their content alone come first, those that take anything with fitting columns last.
"""

from incident_lib.sources import github_status, pagerduty, pages, reviews, slack, statuspage, tabular
from incident_lib.sources.reading import Reader

READERS: tuple[Reader, ...] = (
    pages.READER,
    reviews.READER,
    slack.READER,
    pagerduty.READER,
    statuspage.READER,
    github_status.READER,
    tabular.READER,
)
