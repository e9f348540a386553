"""Rows of large tables by a mask, as pandas has them, several times as quick."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def kept(frame: pd.DataFrame, mask: np.ndarray) -> pd.DataFrame:
    """Return the rows that the mask marks, numbered anew; one run of rows is not even copied."""
    places = np.flatnonzero(mask)
    if len(places) and places[-1] - places[0] + 1 == len(places):
        return frame.iloc[places[0] : places[-1] + 1].reset_index(drop=True)
    marked = pa.array(mask)
    columns = {name: _of(values, marked, places) for name, values in frame.items()}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(places)), columns=frame.columns)


def _of(values: pd.Series, marked: pa.Array, places: np.ndarray) -> pd.Series:
    if values.dtype != "str":  # Arrow's own filter is quicker for texts only
        return values.array.take(places)
    return pd.array(pa.array(values, type=pa.large_string()).filter(marked), dtype="str")


def stand_in(texts: pd.Series, wanted: pd.Series) -> np.ndarray:
    """Tell which texts are among the wanted ones; a missing text is not."""
    column, values = (pa.array(one, type=pa.large_string()) for one in (texts, wanted.dropna()))
    return pc.is_in(column, value_set=values).to_numpy(zero_copy_only=False)
