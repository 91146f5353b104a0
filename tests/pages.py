"""What the tests of the HTML reports share: a page as a browser and as a reader take it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

HOSTILE = "<script>alert('x')</script> & $x_1$ 猫"


class Nesting(HTMLParser):
    """Collects the tags of a page and the elements that were closed out of order."""

    VOID = frozenset({"meta", "img", "br", "path", "image", "use", "rect", "g"})

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.tags, self.references = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.references += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.references += [value for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        if tag not in self.VOID and (not self.open or self.open.pop() != tag):
            self.wrong.append(tag)


def words(text):
    """The page as a person reads it."""
    text = re.sub(r"<style.*?</style>|<svg.*?</svg>", " ", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text).replace("\u202f", " "))


def require_self_contained(text):
    """The page loads nothing, and its elements are closed in order."""
    page = Nesting(text)
    assert not page.wrong
    assert not page.open
    assert "http://" not in text
    assert "https://" not in text
    assert all(reference.startswith(("data:", "#")) for reference in page.references)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert "url(" not in re.sub(r"url\(#", "", text)
