"""A result as a small HTML table, which a notebook shows in place of its `repr`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from edgetl.text import printable

_MOST_ROWS = 50
"""A table shows at most this many rows, so that a data set of a thousand classes does not fill the notebook."""


def html_table(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[object]], notes: Iterable[str] = ()
) -> str:
    """Returns a table as HTML in which every text is escaped.

    Args:
        caption: the line above the table.
        columns: the headings of the columns.
        rows: the values of each row, one for each column.
        notes: lines below the table.
    """
    more = [f"and {len(rows) - _MOST_ROWS} more rows"] if len(rows) > _MOST_ROWS else []
    lines = "".join(f"<div>{_safe(note)}</div>" for note in (*more, *notes))
    body = "".join(_row("td", row) for row in rows[:_MOST_ROWS])
    head = f"<thead>{_row('th', columns)}</thead>"
    return f"<table><caption>{_safe(caption)}</caption>{head}<tbody>{body}</tbody></table>{lines}"


def _row(tag: str, values: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{_safe(value)}</{tag}>' for value in values)}</tr>"


def _safe(value: object) -> str:
    return escape(printable(value))
