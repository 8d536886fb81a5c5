"""What was found out about a server?"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Verdict = Literal["green", "yellow", "red"]
"""It works; it works with a limit, or could not be told; toolrun will not work well with it."""


class Finding(Struct, frozen=True):
    """What a check saw.

    Attributes:
        verdict: see `Verdict`.
        saw: in words.
        fix: what to do about it; None where there is nothing to do.
        proof: what was compared with what, where something was proved.
    """

    verdict: Verdict
    saw: str
    fix: str | None = None
    proof: str | None = None


class Check(Struct, frozen=True, kw_only=True):
    """A finding with the name of what was checked, and the seconds that it took.

    Attributes:
        name: of what was checked.
        verdict: see `Finding`.
        saw: see `Finding`.
        fix: see `Finding`.
        proof: see `Finding`.
        seconds: that it took.
    """

    name: str
    verdict: Verdict
    saw: str
    fix: str | None = None
    proof: str | None = None
    seconds: float = 0.0


class Report(Struct, frozen=True, kw_only=True):
    """What is known of a server after all checks.

    Attributes:
        url: its base URL.
        server: the name of its dialect ("vLLM 0.32.0").
        kind: of its dialect ("vllm").
        model: that was sampled; None where the server has none.
        via: the way that via="auto" takes.
        checks: in the order in which they were made.
    """

    url: str
    server: str
    kind: str
    model: str | None
    via: str
    checks: tuple[Check, ...]

    @property
    def works(self) -> bool:
        """Whether nothing is red."""
        return all(check.verdict != "red" for check in self.checks)

    def check(self, name: str) -> Check | None:
        """The check of that name, if it was made.

        Args:
            name: of the check.
        """
        return next((check for check in self.checks if check.name == name), None)
