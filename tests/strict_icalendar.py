"""A strict reader of iCalendar, written from RFC 5545 and RFC 5546: what it returns are the rules that a file breaks."""

from __future__ import annotations

import re
from collections import Counter

LINE = re.compile(rb"[A-Za-z0-9-]+(;[A-Za-z0-9-]+=(\"[^\"\x00-\x08\x0a-\x1f\x7f]*\"|[^\x00-\x08\x0a-\x1f\x7f\";:,]*)"
                  rb"(,(\"[^\"\x00-\x08\x0a-\x1f\x7f]*\"|[^\x00-\x08\x0a-\x1f\x7f\";:,]*))*)*:[^\x00-\x08\x0a-\x1f\x7f]*")  # fmt: skip
ONCE = {
    "VCALENDAR": ({"PRODID", "VERSION"}, {"CALSCALE", "METHOD"}),
    "VTIMEZONE": ({"TZID"}, {"LAST-MODIFIED", "TZURL"}),
    "STANDARD": ({"DTSTART", "TZOFFSETTO", "TZOFFSETFROM"}, {"RRULE"}),
    "DAYLIGHT": ({"DTSTART", "TZOFFSETTO", "TZOFFSETFROM"}, {"RRULE"}),
    "VEVENT": (
        {"DTSTAMP", "UID", "DTSTART", "ORGANIZER", "SUMMARY", "SEQUENCE"},
        {"DTEND", "DURATION", "DESCRIPTION", "LOCATION", "STATUS", "RRULE", "CLASS", "PRIORITY", "TRANSP", "URL", "CREATED",
         "RECURRENCE-ID"},
    ),
}  # fmt: skip
MANY = {
    "VEVENT": {"ATTENDEE", "EXDATE", "COMMENT", "CATEGORIES"},
    "STANDARD": {"TZNAME", "RDATE"},
    "DAYLIGHT": {"TZNAME", "RDATE"},
}
VALUES = {
    "DTSTAMP": r"\d{8}T\d{6}Z", "SEQUENCE": r"\d+", "VERSION": r"2\.0", "CALSCALE": "GREGORIAN", "METHOD": "REQUEST|CANCEL",
    "STATUS": "TENTATIVE|CONFIRMED|CANCELLED", "TZOFFSETTO": r"[+-]\d{4}(\d\d)?", "TZOFFSETFROM": r"[+-]\d{4}(\d\d)?",
    "DTSTART": r"\d{8}T\d{6}Z?", "DTEND": r"\d{8}T\d{6}Z?", "RECURRENCE-ID": r"\d{8}T\d{6}Z?", "ORGANIZER": r"mailto:[^\s@]+@[^\s@]+", "ATTENDEE": r"mailto:[^\s@]+@[^\s@]+",
    "RRULE": r"FREQ=(YEARLY|MONTHLY|WEEKLY|DAILY)(;(INTERVAL=[1-9]\d*|BYMONTH=\d+|BYDAY=-?\d?(MO|TU|WE|TH|FR|SA|SU)|COUNT=\d+))*",
}  # fmt: skip


def broken_rules(content: bytes) -> list[str]:
    """Return what is wrong with a file, each as a sentence; nothing: it is valid."""
    found = _of_lines(content)
    unfolded = re.sub(rb"\r\n[ \t]", b"", content)
    stack: list[tuple[str, Counter[str]]] = []
    zones, used, method = set(), set(), ""
    for raw in unfolded.split(b"\r\n")[:-1]:
        if not LINE.fullmatch(raw):
            found.append(f"no content line: {raw!r}")
            continue
        name, params, value = _parts(raw.decode("utf-8"))
        if name == "BEGIN":
            stack.append((value, Counter()))
        elif name == "END":
            if not stack or stack[-1][0] != value:
                found.append(f"END:{value} where {stack[-1][0] if stack else 'nothing'} is open")
                return found
            found += _of_component(*stack.pop())
        else:
            if not stack:
                return [*found, f"{name} outside of any component"]
            stack[-1][1][name] += 1
            found += _of_property(name, params, value, stack[-1][0])
            zones |= {value} if name == "TZID" else set()
            used |= {params["TZID"]} if "TZID" in params else set()
            method = value if name == "METHOD" else method
            if name == "STATUS" and (value == "CANCELLED") != (method == "CANCEL"):
                found.append(f"STATUS:{value} with METHOD:{method}")
    found += [f"{one} is open at the end" for one, _ in stack]
    return found + [f"no VTIMEZONE for {zone}" for zone in sorted(used - zones)]


def _of_lines(content: bytes) -> list[str]:
    found = [] if content.endswith(b"END:VCALENDAR\r\n") else ["does not end with END:VCALENDAR and CRLF"]
    found += [] if not re.search(rb"(?<!\r)\n|\r(?!\n)", content) else ["a line does not end with CRLF"]
    found += [f"a line of {len(line)} octets" for line in content.split(b"\r\n") if len(line) > 75]
    try:
        for line in content.split(b"\r\n"):
            line.decode("utf-8")
    except UnicodeDecodeError:
        found.append("a fold cuts a character in two, or it is not UTF-8")
    return found


def _parts(line: str) -> tuple[str, dict[str, str], str]:
    head = re.match(r'((?:[^":]|"[^"]*")*):', line)
    assert head
    name, *params = re.findall(r'(?:[^";]|"[^"]*")+', head[1])
    return (
        name.upper(),
        {one.split("=", 1)[0].upper(): one.split("=", 1)[1].strip('"') for one in params},
        line[head.end() :],
    )


def _of_component(name: str, counts: Counter[str]) -> list[str]:
    required, allowed = ONCE[name]
    found = [f"{name} without {one}" for one in sorted(required - set(counts))]
    found += [
        f"{name} with {one} {count} times" for one, count in counts.items() if count > 1 and one in required | allowed
    ]
    unknown = set(counts) - required - allowed - MANY.get(name, set())
    return found + [f"{name} with {one}" for one in sorted(unknown) if not one.startswith("X-")]


def _of_property(name: str, params: dict[str, str], value: str, within: str) -> list[str]:
    found = [] if re.fullmatch(VALUES.get(name, ".*"), value, re.DOTALL) else [f"{name}:{value} is no such value"]
    if name in ("DTSTART", "DTEND") and within == "VEVENT" and ("TZID" in params) == value.endswith("Z"):
        found.append(f"{name} needs either a zone or UTC")
    if within in ("STANDARD", "DAYLIGHT") and name == "DTSTART" and ("TZID" in params or value.endswith("Z")):
        found.append("DTSTART of an observance is a local time")
    if name in ("SUMMARY", "DESCRIPTION", "LOCATION") and re.search(r"[\\;,]", re.sub(r"\\[\\;,nN]", "", value)):
        found.append(f"{name} is not escaped")
    return found
