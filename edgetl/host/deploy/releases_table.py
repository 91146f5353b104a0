"""Shows the releases on a device as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgetl.host.deploy.report_step import size_text


def releases_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Returns a line for each release.

    Args:
        rows: the releases, as `releases` returns them.
    """
    if not rows:
        return "no release is there"
    lines = ["release           made                       size      model"]
    for row in rows:
        notes = [note for note in ("current", "previous") if row.get(note)]
        notes += [] if row.get("proved") else ["not proved"]
        size = size_text(int(str(row.get("bytes") or 0)))
        text = f"{row.get('digest')!s:<16}  {row.get('created')!s:<25}  {size:<8}  {row.get('name')}"
        lines.append(f"{text} ({', '.join(notes)})" if notes else text)
    return "\n".join(lines)
