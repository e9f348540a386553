"""Parquet → a raw table, with the row's number as its place."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from incident_lib.errors import SourceError
from incident_lib.sources.raw_table import RawTable, places
from incident_lib.sources.reading import Source

_MAGIC = b"PAR1"


def is_parquet(source: Source) -> bool:
    """Return whether a file begins as Parquet does."""
    return source.head.startswith(_MAGIC)


def names(source: Source) -> list[str]:
    """Return the column names; none if the file is damaged (reading it will say so)."""
    try:
        return list(_opened(source).schema_arrow.names)
    except SourceError:
        return []


def _opened(source: Source) -> pq.ParquetFile:
    source.check_size()
    try:
        return pq.ParquetFile(source.path)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{source.name} is damaged: {error}") from error


def read_parquet(source: Source) -> RawTable:
    """Return a Parquet file's rows.

    Raises:
        SourceError: if it is damaged, or larger than the limit, packed or unpacked.
    """
    file = _opened(source)
    size = sum(file.metadata.row_group(group).total_byte_size for group in range(file.metadata.num_row_groups))
    if size > source.limits.file_megabytes * 1_000_000:
        raise SourceError(f"{source.name} unpacks to {size:,} bytes, more than sources.limits.file_megabytes allows")
    try:
        table = file.read()
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{source.name} is damaged: {error}") from error
    numbers = pa.array(np.arange(1, table.num_rows + 1))
    return RawTable(dict(zip(table.column_names, table.columns, strict=True)), places(f"{source.name} row ", numbers))
