"""All readers, in the order in which they are asked; the first that recognises a source reads it."""

from incident_lib.sources import pages, reviews
from incident_lib.sources.reading import Reader

READERS: tuple[Reader, ...] = (
    pages.READER,
    reviews.READER,
)
