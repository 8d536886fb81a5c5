"""Where in a session is a client? The id of an event says it, and a client gives it back.

`12` is the durable event number 12: the same on every worker, for ever. `12.5.9f3a01bc` is the
fifth observed event after it, such as a piece of text, in the run `9f3a01bc`: of one worker and one
turn, held in memory. Another run says other pieces, so a place in it means nothing there.
"""

import re
from typing import NamedTuple

from agent_service.failures import Failure

_ID = re.compile(r"(\d{1,15})(?:\.(\d{1,15})\.([0-9a-f]{8}))?")
_MOST = 2**31 - 1
"""The largest number of an event that databases know."""


class Place(NamedTuple):
    """An event's place.

    Attributes:
        seq: the number of the last durable event up to there.
        sub: the number of the observed event since it; 0 for the durable one itself.
        run: whose observed event; "" for a durable one.
    """

    seq: int = 0
    sub: int = 0
    run: str = ""

    def __str__(self) -> str:
        return f"{self.seq}.{self.sub}.{self.run}" if self.sub else str(self.seq)


START = Place()


def read_place(text: str | None) -> Place:
    """The place that a client says it is at; the beginning where it says nothing.

    Raises:
        Failure: it is none.
    """
    if not text:
        return START
    found = _ID.fullmatch(text.strip())
    if found is None or int(found[1]) > _MOST:
        raise Failure(400, "bad_event_id", "That is no id of an event of this service.")
    seq, sub, run = found.groups(default="")
    return Place(int(seq), int(sub or 0), run if int(sub or 0) else "")
