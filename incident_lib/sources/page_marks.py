"""What a row of a timeline says of the incident: that it was detected, that the impact stopped, that it is over.

Only plain words count, never a row's place: that a row is the last proves nothing. Words that are denied, hoped for or
asked ("not resolved", "should be resolved", "partially restored") don't count either.
"""

from __future__ import annotations

import re

DETECTED, MITIGATED, RESOLVED = "detected_at", "mitigated_at", "resolved_at"
_WORDS = {
    DETECTED: (
        r"\*\*(?:detection|discovery)\b|\bdetect(?:ed|s|ion)\b|\bnoticed\b|\bfirst alert\b"
        r"|\b(?:alert|alarm) (?:was )?(?:triggered|received|fired|raised)\b|\breceived (?:an |a lot of )?alerts?\b"
        r"|\bautomat(?:ic|ed) (?:alarm|warning|alert) (?:received|from)\b"
    ),
    MITIGATED: r"\bmitigated\b|\bmitigation (?:complete|done|successful)\b",
    RESOLVED: (
        r"\b(?:fully |been |is |was |now )?(?:resolved|restored|recovered)\b|\*\*recovery\b"
        r"|\b(?:back|returns?|returned|returning) to normal\b|\bback to (?:working order|full operation)\b"
        r"|\bfully operational\b|\b(?:service|systems?|everything|all) (?:is |are )?(?:verified )?operational\b"
        r"|\b(?:outage|incident) (?:is |was )?(?:over|ended|closed)\b|\boutage to an end\b"
        r"|\b(?:permanently fixed|solved the (?:issue|problem))\b"
        r"|\bfix works\b|\beverything is (?:fine|okay|ok|working|back)\b|\bback up and running\b"
        r"|\b(?:operating|working|responding|functioning) normally\b"
        r"|\b(?:issue|problem|outage) (?:has been |was |is )?(?:identified and )?(?:fixed|corrected|over)\b"
        r"|\bfixed the (?:issue|problem)\b"
        r"|\b(?:services?|servers?|systems?|everything|machines?)[\w ]{0,20} (?:is|are) back(?: online| up)?\b"
    ),
}
_PATTERNS = {name: re.compile(words, re.IGNORECASE) for name, words in _WORDS.items()}
_DENIED = re.compile(
    r"(?:\b(?:not?|never|without|until|unless|if|when|once|whether|hop(?:e|ed|ing)|believ(?:e|ed|ing)|expect(?:ed)?|should|"
    r"would|could|may|might|will|to be|appears?|appeared|seems?|seemed|partial(?:ly)?|some|briefly|assum(?:e|ed|ing)|"
    r"attempt(?:ed)?)\b|n['’]t\b)[^.;:]{0,40}$",
    re.IGNORECASE,
)
_LONGEST = 4000


def marks_of(text: str) -> set[str]:
    """Return which points of an incident a row states: ``detected_at``, ``mitigated_at``, ``resolved_at``."""
    return {name for name in _PATTERNS if words_for(text, name)}


def words_for(text: str, name: str) -> str | None:
    """Return the words by which a row states a point of the incident; None if it doesn't."""
    prose = " ".join(re.sub(r"```.*?(?:```|\Z)", " ", text[:_LONGEST], flags=re.DOTALL).split())
    for found in _PATTERNS[name].finditer(prose):
        if not _DENIED.search(prose[max(0, found.start() - 60) : found.start()]):
            return found[0].strip("* ")
    return None
