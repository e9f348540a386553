"""workbook.toml: defaults, profiles, and refusals with a line and the nearest valid key."""

from __future__ import annotations

import pytest

from incident_lib.errors import SettingsError
from incident_lib.new_workbook import SETTINGS
from incident_lib.settings import Settings, Span, parse_settings, read_settings


def test_an_empty_file_gives_the_process_of_the_readme():
    """Without a line of settings, critical and high are major and have five business days."""
    settings = parse_settings("")

    assert settings.severities.major == ("critical", "high")
    assert str(settings.deadlines.page["critical"]) == "5 business days"


def test_a_stated_deadline_leaves_the_others_as_they_are():
    """One severity's deadline can be stated alone."""
    pages = parse_settings('[deadlines]\npage = { critical = "2 calendar days" }').deadlines.page

    assert (str(pages["critical"]), str(pages["high"])) == ("2 calendar days", "5 business days")


def test_the_pagerduty_profile_differs_and_can_be_overridden():
    """A profile gives other defaults; what the file states wins over them."""
    text = '[workbook]\nprofile = "pagerduty"\n[deadlines]\npage = { high = "4 business days" }'
    pages = parse_settings(text).deadlines.page

    assert (str(pages["critical"]), str(pages["high"])) == ("3 calendar days", "4 business days")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[workbook]\nnmae = "x"', "unknown setting 'workbook.nmae'; did you mean 'name'.* line 2"),
        ("[severitys]", "unknown setting 'severitys'; did you mean 'severities'.* line 1"),
        ('[deadlines]\n\npage = { critical = "soon" }', "not a span of days: 'soon'.* line 3"),
        ('[[people]]\nname = "a"\n[[people]]\nnam = "b"', "unknown setting 'people.1.nam'; did you mean 'name'.* line 4"),
        ('[workbook]\nzone = "Europe/Berln"', "did you mean 'Europe/Berlin'.* line 2"),
        ("[severities]\nmajor = []", "'severities.major'.* line 2"),
        ("[workbook\n", "not valid TOML"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(text: str, message: str):
    """Each refusal names the setting, what was expected, and the line."""
    with pytest.raises(SettingsError, match=message):
        parse_settings(text)


def test_a_folder_without_settings_is_no_workbook(tmp_path):
    """The message says how to make one."""
    with pytest.raises(SettingsError, match=r"is no workbook.*incidents init"):
        read_settings(tmp_path)


def test_the_commented_settings_are_valid_as_they_are_and_with_every_comment_taken_away():
    """What 'incidents init' writes states true defaults: each example line can be switched on."""
    text = SETTINGS.read_text(encoding="utf-8")
    lines = [line[2:] if line.startswith("# ") and ("=" in line or line.startswith("# [")) else line for line in text.splitlines()]
    without_prose = [line for line in lines if not line.startswith("#")]

    assert parse_settings(text).severities == Settings().severities
    assert parse_settings("\n".join(without_prose)).people[0].name == "Priya Raman"


def test_a_span_reads_as_it_is_written():
    """A span's text and its parsing are inverse."""
    assert [str(Span.parse(text)) for text in ("1 business day", "3 calendar days")] == ["1 business day", "3 calendar days"]
