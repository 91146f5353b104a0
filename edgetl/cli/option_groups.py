"""Groups of options that a command gets as one value."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

Command = TypeVar("Command", bound=Callable[..., Any])


def option_group(
    argument: str, make: Callable[..., object], *options: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Callable[[Command], Callable[..., Any]]:
    """Returns a decorator that adds options to a command, which gets them as one argument.

    Args:
        argument: the name of the command's argument that gets the value.
        make: a function that makes the value from the options' values, which it gets by their names.
        options: the results of `click.option(…)`, in the order in which the help lists them.
    """

    def decorate(command: Command) -> Callable[..., Any]:
        @wraps(command)
        def with_group(**values: object) -> object:
            own = {name: values.pop(name) for name in names}
            return command(**values, **{argument: make(**own)})

        before = len(getattr(with_group, "__click_params__", []))
        decorated: Callable[..., Any] = with_group
        for option in reversed(options):
            decorated = option(decorated)
        names = [parameter.name for parameter in decorated.__click_params__[before:]]  # type: ignore[attr-defined]
        return decorated

    return decorate
