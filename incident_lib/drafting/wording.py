"""Wording: blame, "outage", promises of time, a single cause, and tasks without an end; each with a better form.

The rules follow the advice of PagerDuty's post-mortem guide (how and what, not who and why; contributing factors, not
a root cause), of Allspaw's "Blameless PostMortems" (2012) and, for action items, of Lunney and others, "Postmortem
action items: plan the work and work the plan" (;login:, 2017): actionable, specific, bounded. They are a list of hints,
not a judgement: what people said is quoted as it was said and not looked at.
"""
# ruff: noqa: E501 - patterns and advice read better unbroken

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from incident_lib.errors import FieldError
from incident_lib.settings import Limits
from incident_lib.sources.front_matter import parse_front_matter, split_page
from incident_lib.sources.markdown import UNFILLED, blocks

Audience = Literal["page", "customer", "item"]
_ROLE = r"(?:engineer|operator|admin(?:istrator)?|developer|technician|colleague|on-call(?: (?:engineer|person))?|team|nobody|somebody|someone|he|she|they)"
_ERROR = (
    r"(?:broke|misconfigured|mistyped|forgot|ignored|overlooked|neglected|missed|botched|messed up|screwed up|mishandled|"
    r"misread|(?:accidentally|carelessly|wrongly|mistakenly|incorrectly) \w+|deleted the wrong|failed to|caused the|"
    r"should(?:n't| not)? have|ought to have|could (?:easily )?have (?:prevented|avoided|noticed|seen)|"
    r"didn't (?:bother|check|notice|read|test)|bothered to|did not (?:check|notice|read|test)|"
    r"(?:deployed|pushed|restarted|installed|chose|used|deleted|changed|removed) the wrong)"
)
_BLAME = (
    r"\bhuman error\b|\b(?:operator|user|pilot) error\b|\b(?:is|are|was|were) to blame\b|\b(?:at|the) fault of\b|\bat fault\b|"
    r"\bcareless(?:ly|ness)?\b|\bnegligen(?:t|tly|ce)\b|\bincompeten(?:t|ce)\b|\bsloppy\b|\bstupid(?:ly|ity)?\b|"
    r"\bnobody (?:bothered|cared|thought)\b|\bblam(?:e|ed|ing)\b"
)
_OUTAGE = re.compile(r"(?i)\boutages?\b")
_ALL_DOWN = re.compile(
    r"(?i)\b(?:all|every|everything|complete(?:ly)?|total(?:ly)?|entire(?:ly)?|whole)\b[^.!?]*\b(?:down|unavailable|unreachable|offline|outage)\b"
)
_CAUSE = re.compile(
    r"(?i)\broot[- ]cause\b|\bthe (?:real |true |actual |only |single |one |sole )?cause (?:of (?:the|this) \w+ )?(?:was|is)\b|"
    r"\bthe (?:one|only|single) (?:thing|reason|mistake|error)\b"
)
_QUESTION = re.compile(r"(?i)^\W*(?:who|whose|why)\b[^.!?]*\?")
_UNIT = r"(?:minutes?|hours?|days?|weeks?|months?)"
_DAY = r"(?:today|tonight|tomorrow|monday|tuesday|wednesday|thursday|friday|saturday|sunday|next (?:week|month)|(?:the )?end of (?:the|this|next) \w+)"
_PROMISE = re.compile(
    rf"(?i)\b(?:will|shall|'ll|going to)\b[^.!?]*\b(?:by|within|in less than|before|until|on)\b[^.!?]*\b(?:\d+|one|two|three|four|five|a few|an?) ?{_UNIT}\b|"
    rf"\b(?:will|shall|'ll|going to)\b[^.!?]*\b{_DAY}\b|"
    r"\b(?:will|shall|can) (?:never|not ever)\b|\bnever (?:happen )?again\b|\bguarantee\w*\b|\bwe promise\b|\bwe assure you\b"
)
_VAGUE_START = re.compile(
    r"(?i)^\W*(?:investigate|look (?:in)?to|look at|think about|consider|discuss|talk (?:to|about)|explore|evaluate|improve|"
    r"better|make sure|ensure|be (?:more )?\w+|try to|see (?:if|whether)|understand|monitoring|clean up everything|"
    r"follow up|revisit|refactor everything|fix the (?:issue|problem|bug|incident)|review all)\b"
)
_UNBOUNDED = re.compile(
    r"(?i)\b(?:always|never|regularly|continuous(?:ly)?|everything|everywhere|all the time|etc\b|and so on|from now on|as needed|where possible)"
)
# Words that begin a wish or a subject rather than a deed.
_NO_DEED = re.compile(
    r"(?i)^\W*(?:more|less|fewer|new|a|an|the|no|not|all|some|maybe|\w+(?:ing|tion|sion|ment|ness|ity|ance))\b"
)
_DEEDS_LIKE = {
    "bring",
    "ping",
    "string",
    "mention",
    "position",
    "condition",
    "partition",
    "provision",
    "document",
    "implement",
    "supplement",
    "balance",
}
_WHY = {
    "blame": "it blames a person or names one as the doer of an error, which makes people careful of what they say",
    "question": "who and why ask for a culprit and a defence",
    "single-cause": "incidents have several contributing factors; naming one ends the search",
    "outage": "“outage” says that all was down",
    "promise": "customers remember a promised time; nobody owns this one",
    "action-item": "an action item is actionable (begins with a verb), specific, and bounded (one can tell when it is done)",
}
_BETTER = {
    "blame": "say what the system showed or allowed: “the alert stood among forty others”, “the command takes any host name”",
    "question": "ask how or what: “What did the queue look like at that time?”, “How does a change reach production?”",
    "single-cause": "“contributing factors”: list what made it possible and what made it worse",
    "outage": "“incident”, and what was slow or unavailable for whom",
    "promise": "say what is done, and when you will tell more",
    "action-item": "such as “Alert on a deferred queue above 500 for 5 minutes”",
}


@dataclass(frozen=True)
class Finding:
    """One place in a text that could be said better: its line (from 1), section, the words, why, and a better form."""

    line: int
    section: str
    rule: str
    words: str
    why: str
    better: str


@dataclass(frozen=True)
class Wording:
    """The rules, knowing the names of the people whom a text may speak of."""

    people: tuple[str, ...] = ()

    def rules_of(self, sentence: str, audience: Audience = "page") -> list[str]:
        """Return the rules that a sentence breaks, in a fixed order."""
        return [rule for rule, _ in self.matches(sentence, audience)]

    def matches(self, sentence: str, audience: Audience) -> Iterator[tuple[str, str]]:
        """Yield each rule that a sentence breaks, with the words that break it."""
        if audience == "item":
            if not is_action_item(sentence):
                yield "action-item", sentence.strip()
            return
        plain = _without_quotes(sentence)
        checks = {"blame": self._blame(plain), "question": _QUESTION.search(plain), "single-cause": _CAUSE.search(plain),
                  "outage": None if _ALL_DOWN.search(plain) else _OUTAGE.search(plain),
                  "promise": _PROMISE.search(plain) if audience == "customer" else None}  # fmt: skip
        yield from ((rule, found[0].strip()) for rule, found in checks.items() if found)

    def _blame(self, sentence: str) -> re.Match[str] | None:
        names = sorted({part for name in self.people for part in (name, *name.split())}, key=len, reverse=True)
        named = "|".join(re.escape(name) for name in names if len(name) > 2)
        who = rf"(?:\b{_ROLE}\b|\b(?:{named})\b)" if named else rf"\b{_ROLE}\b"
        mistake = rf"|\b(?:{named})(?:'s|’s) (?:mistake|error|fault|carelessness)" if named else ""
        return re.search(rf"(?i){_BLAME}|{who}(?: \w+){{0,3}}? {_ERROR}|\b(?:his|her|their)\b (?:mistake|error|fault)\b{mistake}"
                         rf"|\bif (?:only )?{who} had\b", sentence)  # fmt: skip


def is_action_item(title: str) -> bool:
    """Tell whether a task's title can be acted on: a verb first, something specific, an end."""
    words = re.findall(r"[\w'’-]+", title)
    if len(words) < 3 or _VAGUE_START.search(title) or _UNBOUNDED.search(title):
        return False
    return words[0].casefold() in _DEEDS_LIKE or not (_NO_DEED.search(title) or words[0].isupper())


def _without_quotes(text: str) -> str:
    """Return a text without what is quoted, code, and links' addresses: that is evidence, not our wording."""
    return re.sub(r"“[^”]*”|\"[^\"]*\"|`[^`]*`|\]\([^)]*\)|\[\^[\w-]+\]", " ", text)


def lint_page(body: str, people: Iterable[str], items: Iterable[str] = (), *, first_line: int = 1) -> list[Finding]:
    """Return what could be said better on a page's body, in order; ``items`` are the titles of its action items.

    Left out are prompts, tables (evidence), quotes, code, and lines that a footnote of ours marks as generated.
    """
    wording = Wording(tuple(people))
    findings = [
        Finding(first_line, "Action items", *_said("action-item", title))
        for title in items
        if not is_action_item(title)
    ]
    line = first_line
    for key, text in blocks(body):
        audience: Audience = "customer" if "external" in key.casefold() else "page"
        for number, sentence in _sentences(text) if key != "Evidence" else ():
            findings += [
                Finding(line + number, key, *_said(rule, words)) for rule, words in wording.matches(sentence, audience)
            ]
        line += text.count("\n")
    return findings


def lint_text(text: str, people: Iterable[str], limits: Limits | None = None) -> list[Finding]:
    """Return what could be said better in a page's whole text; its front matter names more people, and the tasks.

    Front matter that can't be read is passed over: 'incidents check' reports it.

    >>> [one.rule for one in inc.lint_text("The outage was Tom's fault.", ["Tom Okafor"])]
    ['blame', 'outage']
    """
    try:
        page = split_page(text)
        content = parse_front_matter(page, limits or Limits())
    except FieldError:
        return lint_page(text, people)
    named = [content.get(name) for name in ("owner", "incident_commander")] + list(content.get("responders") or [])
    items = [one.get("title") for one in content.get("action_items") or [] if isinstance(one, dict)]
    every = dict.fromkeys([*people, *(str(name) for name in named if name)])
    return lint_page(page.body, every, [str(title) for title in items if title], first_line=page.body_line)


def findings_table(findings: list[Finding]) -> pd.DataFrame:
    """Return findings as a table: line, section, rule, words, why, better.

    >>> found = inc.lint_text("The outage was Tom's fault.", ["Tom Okafor"])
    >>> inc.findings_table(found).columns.tolist()
    ['line', 'section', 'rule', 'words', 'why', 'better']
    """
    return pd.DataFrame([vars(one) for one in findings], columns=["line", "section", "rule", "words", "why", "better"])


def _said(rule: str, words: str) -> tuple[str, str, str, str]:
    return rule, words, _WHY[rule], _BETTER[rule]


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield a section's sentences that people wrote, with the line (from 0) in which each stands."""
    fenced = False
    for number, line in enumerate(text.splitlines()):
        stripped = line.strip()
        fenced ^= stripped.startswith(("```", "~~~"))
        if fenced or not stripped or stripped.startswith(("#", "|", ">", "```", "~~~", UNFILLED)):
            continue
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-ZÀ-Þ“\"])", stripped):
            if not re.search(r"\[\^e\d+\]", sentence):
                yield number, sentence
