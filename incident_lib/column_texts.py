"""Texts in columns of many rows: names in one text, words by number, places of texts; without a loop over rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def spelled(codes: np.ndarray, words: Sequence[str], index: pd.Index) -> pd.Series:
    """Return a column of texts from the number of each row's word; a negative number is a missing text."""
    coded = pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(words, pa.large_string()))
    return pd.Series(coded.cast(pa.large_string()).to_pandas().array, index=index)


def translated(texts: pd.Series, words: Mapping[str, str]) -> pd.Series:
    """Return what each text stands for; missing where ``words`` doesn't tell."""
    return spelled(places_in(pd.Series(list(words), dtype="str"), texts), list(words.values()), texts.index)


def places_in(known: pd.Series, texts: pd.Series) -> np.ndarray:
    """Return the place at which each text stands among the known ones, each of them once; -1 for any other."""
    # .array, since Arrow looks for a method of its own on a Series, and pandas for a row of that name in its index
    words = pa.array(known.array, pa.large_string())
    places = pc.index_in(pa.array(texts.array, pa.large_string()), value_set=words, skip_nulls=True)
    return places.fill_null(-1).to_numpy()


def join_names(names: Iterable[str | None]) -> str | None:
    """Return several names as one text ("a; b"), each once, in order; None if there are none."""
    kept = dict.fromkeys(name.replace(";", ",").strip() for name in names if name and name.strip())
    return "; ".join(kept) or None


def split_names(text: Any) -> list[str]:
    """Return the names in a text that ``join_names`` made; none for a missing value."""
    return [name for name in text.split("; ") if name] if isinstance(text, str) else []
