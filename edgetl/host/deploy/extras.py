"""Chooses the extras of edgetl that a run on a device needs."""

from __future__ import annotations

from collections.abc import Mapping

from edgetl.bundle import Bundle


def extras_of(bundle: Bundle, options: Mapping[str, object]) -> tuple[str, ...]:
    """Returns the names of the extras, sorted.

    Args:
        bundle: the bundle.
        options: the options of the run by their names without dashes.

    Raises:
        UsageError: the bundle does not have the variant that the options name.
    """
    variant = options.get("variant")
    run = bundle.runnable if variant == "auto" else (bundle.variant(str(variant) if variant else None),)
    needs = {
        "mqtt": "mqtt" in options,
        "openvino": any(variant.runtime == "openvino" for variant in run),
        "video": "save" in options,
    }
    return tuple(sorted(["device", *(name for name, needed in needs.items() if needed)]))
