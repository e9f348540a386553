"""Slack's own markup (mrkdwn) as Markdown: mentions by name, links, bold, strike, code, and the escaped ``& < >``.

Tokens such as ``<@U1>`` are told apart before the entities are unescaped, since a ``<`` that a person typed arrives as
``&lt;``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# One pass, first alternative wins: nothing inside code is bold, a token inside bold is still a token. NUL separates
# texts that are converted together, so no alternative may cross it. Each alternative starts with a letter of its own,
# which lets the engine skip plain text quickly; what comes before is looked at afterwards (?<!…).
_SPANS = (
    r"<[^<>\n\0]+>"
    r"|&(?:(?<![^\n\0]&)gt;&gt;&gt;[^\0]*|(?:amp|lt|gt);)"
    r"|```[^\0]*?```"
    r"|`[^`\n\0]+`"
    r"|\*(?<![\w*]\*)[^\s*\0](?:[^*\n\0]*[^\s*\0])?\*(?![\w*])"
    r"|~(?<![\w~]~)[^\s~\0](?:[^~\n\0]*[^\s~\0])?~(?![\w~])"
)
_BULLETS = "•◦▪"
_MARKUP = re.compile("|".join([_SPANS, *(rf"{bullet}[ \t]+" for bullet in _BULLETS)]))
_BULLET = re.compile(f"[{_BULLETS}]")
_PIECES = re.compile(f"({_SPANS})")
_REMEMBERED, _SHORT = 100_000, 200
_SIGNS = ("@", "#", "!")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">"}
_ENTITY = re.compile(r"&(amp|lt|gt);")
_QUOTES = re.compile(r"^(?:&gt;)+[ \t]*", re.MULTILINE)
_PRIVATE = re.compile(r"(https?://[\w.-]*slack(?:-files)?\.com/[^\s?]*)\?[^\s#]*", re.IGNORECASE)


def to_markdown(text: str, names: Mapping[str, str]) -> str:
    """Return mrkdwn as Markdown; ``names`` has people's names by user id and channels' by channel id."""
    return _MARKUP.sub(lambda match: _converted(match, names), text)


def all_to_markdown(texts: Sequence[str], converter: Converter) -> list[str]:
    """Return many texts as Markdown, converted as one long text, which is faster than one by one."""
    joined = "\0".join(texts)
    if joined.count("\0") >= max(len(texts), 1):
        texts = [text.replace("\0", "") for text in texts]
        joined = "\0".join(texts)
    pieces = _PIECES.split(joined)
    pieces[1::2] = map(converter.__getitem__, pieces[1::2])
    made = "".join(pieces).split("\0") if texts else []
    if any(bullet in joined for bullet in _BULLETS):  # where one stands decides what it means
        places = [place for place, text in enumerate(texts) if not text.isascii() and _BULLET.search(text)]
        marked = to_markdown("\0".join(texts[place] for place in places), converter.names).split("\0")
        for place, text in zip(places, marked, strict=True):
            made[place] = text
    return made


class Converter(dict[str, str]):
    """Markup and its Markdown: mentions and links come again and again, and are converted once.

    A piece of markup means the same wherever it stands, but for bullets.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self.names = names

    def __missing__(self, piece: str) -> str:
        converted = _converted_piece(piece, self.names)
        if len(self) < _REMEMBERED and len(piece) < _SHORT:
            self[piece] = converted
        return converted


def unescape(text: str) -> str:
    """Return a text with Slack's three entities (``&amp; &lt; &gt;``) as characters; others are not Slack's."""
    return _ENTITY.sub(lambda match: _ENTITIES[match[1]], text) if "&" in text else text


def _converted(match: re.Match[str], names: Mapping[str, str]) -> str:
    """Return the Markdown for one piece of markup; a bullet is one where only blanks stand before it in its line."""
    if match[0][0] in _BULLETS:
        return "- " if _starts_line(match) else match[0]
    return _converted_piece(match[0], names)


def _converted_piece(piece: str, names: Mapping[str, str]) -> str:
    """Return the Markdown for a piece of markup, which its first characters tell apart."""
    sign = piece[0]
    if sign == "<":
        return _token(piece[1:-1], names)
    if piece.startswith("&gt;&gt;&gt;"):
        inner = to_markdown(_QUOTES.sub("", piece[len("&gt;&gt;&gt;") :]), names)
        return "\n".join(f"> {line}" for line in inner.strip().split("\n"))
    if sign == "&":
        return _ENTITIES[piece[1:-1]]
    if sign == "`":
        is_block = piece.startswith("```")
        return _code(piece[3:-3] if is_block else piece[1:-1], names, block=is_block)
    mark = "**" if sign == "*" else "~~"
    return f"{mark}{to_markdown(piece[1:-1], names)}{mark}"


def _starts_line(match: re.Match[str]) -> bool:
    """Tell whether only blanks stand before a match in its line."""
    return match.string[max(0, match.start() - 40) : match.start()].rstrip(" \t")[-1:] in ("", "\n", "\0")


def _code(inner: str, names: Mapping[str, str], *, block: bool) -> str:
    """Return code with its entities and tokens as plain text; a block stands on lines of its own."""
    plain = unescape(re.sub(r"<([^<>\n]+)>", lambda match: _plain(match[1], names), inner))
    return "\n```\n{}\n```\n".format(plain.strip("\n")) if block else f"`{plain}`"


def _token(inner: str, names: Mapping[str, str]) -> str:
    """Return what stands between ``<`` and ``>`` as Markdown: a mention's name, or a link."""
    target, _, label = inner.partition("|")
    if target.startswith(_SIGNS):
        return _mention(target, label, names)
    url, label = _public(unescape(target)), unescape(label).strip()
    if not url[:8].lower().startswith(("http://", "https://")):
        return label or url.removeprefix("mailto:").removeprefix("tel:")
    if not label or label == url:
        return f"<{url}>"
    safe = url.replace("(", "%28").replace(")", "%29").replace(" ", "%20")
    return f"[{label.replace('[', '(').replace(']', ')')}]({safe})"


def _plain(inner: str, names: Mapping[str, str]) -> str:
    """Return a token as it reads inside code."""
    target, _, label = inner.partition("|")
    return _mention(target, label, names) if target.startswith(_SIGNS) else label or _public(target)


def _mention(target: str, label: str, names: Mapping[str, str]) -> str:
    """Return ``@Name``, ``#channel``, ``@here`` or the text that Slack shows for a date."""
    sign, key = target[0], target[1:]
    if sign != "!":
        return sign + (names.get(key) or unescape(label).removeprefix(sign) or key)
    if key.startswith("date^"):
        return unescape(label) or key
    return "@" + (unescape(label).removeprefix("@") or key.removeprefix("subteam^"))


def _public(url: str) -> str:
    """Return a Slack address without its query, which may hold a token that opens the file."""
    return _PRIVATE.sub(r"\1", url) if "slack" in url.lower() else url
