"""The options of a deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgetl.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployOptions:
    """How a bundle is deployed.

    Example:
        >>> import edgetl
        >>> edgetl.DeployOptions(watch=30).online
        False

    Attributes:
        watch: time after the switch for which results must come, s; 0 does not watch.
        online: whether the device downloads the packages itself.
        tune: whether to measure on the device which variant is fastest, before the switch.
        renew: whether to download the newest packages, even if earlier ones are kept on this machine.
        service: the manager of the service that the first deployment installs: the `user`'s own, or the `system`'s,
            which needs root or a sudo without password. None takes the user's own if it answers.
        dry_run: whether to check only, and to say what would be copied.

    Raises:
        UsageError: the time is negative.
    """

    watch: float = 60.0
    online: bool = False
    tune: bool = False
    renew: bool = False
    service: Literal["user", "system"] | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        if not self.watch >= 0:
            raise UsageError(f"watch is {self.watch} s", remedy="choose 0 s or more")
