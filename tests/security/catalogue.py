"""Which attacks are there, all together? Each is a row of `docs/reference/attacks.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.security.tables.clocks import CLOCKS, TERMINAL
from tests.security.tables.exhaustion import BOMBS, DISK, FLOODS, INODES, MEMORY
from tests.security.tables.files import FILES, LINKS
from tests.security.tables.paths import ARCHIVES, PROC
from tests.security.tables.privileges import ESCAPE, SIGNALS
from tests.security.tables.reach import DESCRIPTORS, NETWORK, SECRETS
from tests.security.tables.results import EVASION, FORGERY, SURVIVORS

if TYPE_CHECKING:
    from tests.security.attack import Attack

ATTACKS: Final[tuple[Attack, ...]] = (
    *(*ESCAPE, *FILES, *LINKS, *PROC, *NETWORK, *SECRETS, *DESCRIPTORS),
    *(*SIGNALS, *BOMBS, *MEMORY, *DISK, *INODES, *FLOODS),
    *(*FORGERY, *SURVIVORS, *EVASION, *CLOCKS, *TERMINAL, *ARCHIVES),
)
FAMILIES: Final = tuple(dict.fromkeys(attack.family for attack in ATTACKS))
