"""plotly.js with its kinds of traces put aside: which are, what else stays as it was, and what another plotly gets."""

from __future__ import annotations

import re

import pytest

from incident_lib import theme
from incident_lib.reports.plotly_code import called_in_place, kinds_put_aside, plotly_code

CODE = (
    'x;var A=W((e,t)=>{t.exports={moduleType:"trace",name:"bar",n:1}});var B=W((e,t)=>{"use strict";t.exports=A()});'
    'var C=W((e,t)=>{var a=A2();t.exports=a});var A2=W((e,t)=>{t.exports={moduleType:"trace",name:"pie"}});'
    'var D=W((e,t)=>{t.exports=C()});var E=W((e,t)=>{t.exports=calendars()});'
    "var Z=W((e,t)=>{var P=core();P.register([B(),D(),E()]);t.exports=P});"
)


def test_kinds_are_known_by_what_defines_them():
    """A part that hands a kind on, or calls one alone, is put aside by name; what is no kind is set up as before."""
    assert "P.register([E()]),P.kinds={bar:B,pie:D};t.exports=P" in kinds_put_aside(CODE)


@pytest.mark.parametrize("code", ["", "window.Plotly={}", CODE.replace("register([", "enrol(["), CODE + CODE])
def test_code_that_is_not_as_we_know_it_stays_as_it_is(code):
    """Another build of plotly, or two places that look alike: nothing is changed."""
    assert kinds_put_aside(code) == code and called_in_place(code) == code


def test_installed_plotly_is_changed_in_two_places_only():
    """All but the scatter kind, which is plotly's core, are put aside; licences and every other line are the same."""
    code, ours = theme.plotly_js(), plotly_code()
    named = set(re.findall(r'moduleType:"trace",name:"(\w+)"', code))
    aside = set(re.findall(r"(\w+):[\w$]+", re.search(r"\.kinds=\{(.*?)\}", ours)[1]))

    assert aside == named - {"scatter"} and {"bar", "heatmap", "scattergl", "pie"} <= aside
    assert ours.startswith(code[:100]) and "Licensed under the MIT license" in ours[:200]
    assert abs(len(ours) - len(code)) < 500 and ours[1000:4_000_000] in code
