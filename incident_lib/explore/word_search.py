"""Words in texts, without regard to capitals, over a million texts in well under a second."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def holds_words(texts: pd.DataFrame, words: str) -> np.ndarray:
    """Tell per row whether each of the words stands somewhere in its texts, without regard to capitals; ß is ss.

    A word may be part of a longer one; no words at all stand in every row.
    """
    wanted = sorted(set(words.split()), key=len, reverse=True)  # the longest are the rarest, mostly
    left = np.arange(len(texts))
    columns = [pa.array(texts[one], type=pa.large_string()) for one in texts] if wanted else []
    with ThreadPoolExecutor(2) as pool:
        for word in wanted:
            found = np.logical_or.reduce(list(pool.map(_holds, columns, [word] * len(columns))))
            left = left[found]
            columns = [column.filter(pa.array(found)) for column in columns]
    mask = np.zeros(len(texts), dtype=bool)
    mask[left] = True
    return mask


def _holds(texts: pa.Array, word: str) -> np.ndarray:
    pattern = re.sub("ß|ss", "(?:ss|ß)", re.escape(word), flags=re.IGNORECASE)
    found = pc.match_substring_regex(texts, pattern, ignore_case=True)
    return pc.fill_null(found, False).to_numpy(zero_copy_only=False)
