"""A sentence of a terminal becomes HTML: what is between backticks is code, and all of it is escaped."""

from __future__ import annotations

import pytest

from edgetl.host.report.html_page import sentence


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("run `edgetl train <b>`", "run <code>edgetl train &lt;b&gt;</code>"),
        ("a class `is <i>", "a class `is &lt;i&gt;"),
        ("5 < 6", "5 &lt; 6"),
    ],
)
def test_backticks_become_code_and_all_text_is_escaped(text, html):
    assert sentence(text) == html
