"""Large texts in a page in a fraction of their bytes: compressed, in signs that a script element may hold."""

from __future__ import annotations

import gzip

import numpy as np


def packed(text: str) -> tuple[str, int]:
    """Return a text packed (gzip without a time, base 85), and its compressed size, for ``boot.js`` to unpack."""
    content = gzip.compress(text.encode("utf-8"), mtime=0)
    return base_85(content).decode("ascii"), len(content)


def base_85(content: bytes) -> bytes:
    """Return bytes as text that can stand in a script element: five signs for four bytes, where base64 takes 5.33.

    The signs are "(" to "}" without "<"; the last four bytes are filled up with zeros.
    """
    words = np.frombuffer(content + bytes(-len(content) % 4), dtype=">u4").astype(np.int64)
    digits = words[:, None] // 85 ** np.arange(4, -1, -1) % 85
    return (digits + 40 + (digits >= 20)).astype(np.uint8).tobytes()
