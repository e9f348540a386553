"""The words of a page's times → UTC: which day, which year and which zone are meant where a row leaves it open.

The rules, each told in a problem where it decided something:

- A row without a date has the date of the heading above it, else of the row before, else of the page. If its time of
  day lies ``MIDNIGHT`` or more before the row before, midnight has passed; if it lies less before, the rows are merely
  out of order, and the day stays.
- A date without a year has the year of the row before or of the page; more than half a year back means the next year.
- A year of five digits is read as the page's year where leaving out one digit gives it; else the row is left out.
- The zone is the row's own, else the table head's, else what the page says ("All times in CET"), else that of the last
  row that named one, else the setting's (``[[files]]``). Without any the time is refused. A setting whose clocks show
  the page's abbreviation goes before it: with Europe/Copenhagen stated, "CET" in July is what clocks there showed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from incident_lib.errors import FieldError
from incident_lib.sources.fields import EARLIEST_YEAR, LATEST_YEAR, in_range, localise, parse_time
from incident_lib.sources.page_timeline import Entry
from incident_lib.sources.written_times import Day, Written
from incident_lib.sources.written_zones import WrittenZone, out_of_season, parse_zone, uses

MIDNIGHT = timedelta(hours=6)
_HALF_YEAR = timedelta(days=183)


@dataclass(frozen=True)
class Reading:
    """A time as it was read, and what was decided on the way: (rule, message) pairs."""

    at: datetime
    notes: tuple[tuple[str, str], ...] = ()


@dataclass
class PageClock:
    """Reads a page's times in their order; remembers the day and the zone of the row before.

    ``day`` and ``year`` are what the page states of itself, ``stated`` the zone that it states, ``setting`` the name of
    the one that the settings state for the file. ``days`` collects the dates that rows state.
    """

    day: date | None = None
    year: int | None = None
    stated: WrittenZone | None = None
    setting: str | None = None
    last: datetime | None = None
    carried: WrittenZone | None = None
    said: set[str] = field(default_factory=set)
    days: list[date] = field(default_factory=list)

    def read(self, entry: Entry) -> Reading:
        """Return the time of a row.

        Raises:
            FieldError: saying why it has none.
        """
        written = entry.written
        if written is None:
            raise FieldError(f"no time in {entry.words or entry.text[:60]!r}")
        if written.iso:
            return self._whole(written.iso)
        if written.clock is None:
            self._keep_day(written)
            raise FieldError(f"no time of day in {entry.words!r}")
        notes: list[tuple[str, str]] = []
        local = datetime.combine(self._date(entry, written, notes), datetime.min.time())
        local = in_range(local + _since_midnight(written.clock), entry.words)
        at = self._utc(local, self._zone(entry, written), notes)
        self.last = local
        return Reading(at, tuple(notes))

    def moment(self, words: str, written: Written | None) -> Reading:
        """Return a time that a page states outside its timeline, without remembering it.

        Raises:
            FieldError: saying why there is none.
        """
        aside = PageClock(self.day, self.year, self.stated, self.setting, carried=self.carried)
        return aside.read(Entry(0, words, written, ""))

    def _whole(self, iso: str) -> Reading:
        at = parse_time(iso)
        self.last = at.replace(tzinfo=None)
        return Reading(at)

    def _keep_day(self, written: Written) -> None:
        """Remember the day of a row that has no time of day; one that is none is not worth a second problem."""
        with suppress(FieldError):
            if written.day:
                self.last = datetime.combine(self._whole_day(written.day, []), datetime.min.time())

    def _date(self, entry: Entry, written: Written, notes: list[tuple[str, str]]) -> date:
        if written.day:
            return self._whole_day(written.day, notes)
        if entry.day:
            above = self._whole_day(entry.day, notes)
            if self.last is None or self.last.date() < above:
                return above
        if self.last is None:
            if self.day is None:
                raise FieldError(f"no date for {entry.words!r}: neither the row nor the page states one")
            return self.day
        return self._carried(entry, written, notes)

    def _carried(self, entry: Entry, written: Written, notes: list[tuple[str, str]]) -> date:
        """Return the day of the row before, or the next where midnight has passed (see the module's rules)."""
        if self.last is None or written.clock is None:
            raise FieldError(f"no time of day in {entry.words!r}")
        same = datetime.combine(self.last.date(), datetime.min.time()) + _since_midnight(written.clock)
        if self.last - same >= MIDNIGHT:
            following = self.last.date() + timedelta(days=1)
            said = f"{entry.words!r} comes after {self.last:%H:%M} without a date: read as the next day, {following}"
            notes.append(("past-midnight", said))
            return following
        if same < self.last:
            said = f"{entry.words!r} stands after {self.last:%H:%M}: read as the same day, {self.last:%Y-%m-%d}"
            notes.append(("out-of-order", said))
        return self.last.date()

    def _whole_day(self, day: Day, notes: list[tuple[str, str]]) -> date:
        words, month, number = day
        year = self._year(words, month, number, notes)
        try:
            self.days.append(date(year, month, number))
        except ValueError as error:
            raise FieldError(f"no such date: {year}-{month:02d}-{number:02d}") from error
        return self.days[-1]

    def _year(self, words: str | None, month: int, number: int, notes: list[tuple[str, str]]) -> int:
        if words and len(words) == 4:
            return int(words)
        if words:
            return self._mended(words, notes)
        before = self.last.date() if self.last else self.day
        if before is None:
            if self.year is None:
                raise FieldError("a date without a year, and the page states none")
            return self.year
        months_back = timedelta(days=(before.month - month) * 30.4 + before.day - number)
        return before.year + (1 if months_back > _HALF_YEAR else 0)

    def _mended(self, words: str, notes: list[tuple[str, str]]) -> int:
        """Return the page's year for one of five digits that is the page's but for one digit too many."""
        possible = sorted({int(words[:at] + words[at + 1 :]) for at in range(len(words))})
        if self.year not in possible:
            believable = [str(year) for year in possible if EARLIEST_YEAR <= year <= LATEST_YEAR]
            raise FieldError(f"the year {words!r} can't be right; it may be {' or '.join(believable) or 'anything'}")
        notes.append(("year-typo", f"the year {words!r} can't be right; read as {self.year}, the year of the page"))
        return self.year

    def _zone(self, entry: Entry, written: Written) -> WrittenZone | None:
        own = parse_zone(written.zone) if written.zone else None
        if own:
            self.carried = own
        head = parse_zone(entry.zone) if entry.zone else None
        return own or head or self.stated or self.carried

    def _utc(self, local: datetime, zone: WrittenZone | None, notes: list[tuple[str, str]]) -> datetime:
        if zone is None or (self.setting and uses(self.setting, zone.abbreviation, local.year)):
            return localise(local, self.setting)
        at = zone.utc(local)
        oddity = out_of_season(zone, at) if zone.note is None else None
        for rule, message in (("zone-contradiction", zone.note), ("zone-contradicts-season", oddity)):
            if message and rule not in self.said:
                self.said.add(rule)
                notes.append((rule, message))
        return at


def _since_midnight(clock: tuple[int, int, int]) -> timedelta:
    hour, minute, second = clock
    return timedelta(hours=hour, minutes=minute, seconds=second)
