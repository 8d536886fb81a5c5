"""How do trees become rows of a batch, fast enough for a GPU?

A row is filled with trees, whole ones. Processes of their own make rows from seeds of their own;
the trainer takes them out of one queue.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from queue import Empty
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tests.rig.nano.conversations import LONGEST, Tree, Writer

if TYPE_CHECKING:
    from numpy.typing import NDArray

PADDING = 199_999
_LEAST = 320
_TRIES = 6
_PATIENCE = 10.0
_LONG = 0.12
"""How often a tree may be as long as the row: long instructions, many turns."""


class Batch(NamedTuple):
    """Rows of packed trees, as `net.Rows` has them."""

    ids: NDArray[np.int32]
    tree: NDArray[np.int16]
    branch: NDArray[np.int16]
    position: NDArray[np.int16]
    learned: NDArray[np.bool_]


def packed(writer: Writer, r: Random, rows: int, length: int) -> Batch:
    """A batch of new trees."""
    batch = Batch(
        np.full((rows, length), PADDING, np.int32),
        np.zeros((rows, length), np.int16),
        np.zeros((rows, length), np.int16),
        np.zeros((rows, length), np.int16),
        np.zeros((rows, length), np.bool_),
    )
    for row in range(rows):
        at = number = tries = 0
        while length - at > _LEAST and tries < _TRIES:
            room = length - at
            tree = writer.tree(r, longest=room if r.random() < _LONG else min(LONGEST, room))
            if tree.branches:
                number += 1
                at = _put(batch, row, at, number, tree)
            else:
                tries += 1
    return batch


def _put(batch: Batch, row: int, at: int, number: int, tree: Tree) -> int:
    shared = len(tree.head)
    parts = [(0, 0, tree.head, [False] * shared)]
    parts += [(i, shared, b.ids, b.learned) for i, b in enumerate(tree.branches, 1)]
    for branch, before, ids, learned in parts:
        there = slice(at, at + len(ids))
        batch.ids[row, there] = ids
        batch.tree[row, there] = number
        batch.branch[row, there] = branch
        batch.position[row, there] = np.arange(before, before + len(ids))
        batch.learned[row, there] = learned
        at += len(ids)
    return at


class Feeder:
    """Processes that make batches beside the training.

    Args:
        workers: how many.
        seed: what the first one's random generator begins with.
        rows: of a batch.
        length: of a row.
    """

    def __init__(self, workers: int, seed: int, rows: int, length: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._queue: Any = context.Queue(64)
        self._processes = [
            context.Process(
                target=_work,
                args=(seed * 1000 + one, self._queue, rows, length),
                daemon=True,
            )
            for one in range(workers)
        ]
        for process in self._processes:
            process.start()

    def take(self) -> Batch:
        """The next batch.

        Raises:
            RuntimeError: all processes ended; what they say of it stands on stderr.
        """
        while True:
            try:
                return Batch(*self._queue.get(timeout=_PATIENCE))
            except Empty:
                if not any(process.is_alive() for process in self._processes):
                    raise RuntimeError("the processes that make batches ended") from None

    def ready(self) -> int:
        """How many batches wait."""
        return int(self._queue.qsize())

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join(5)


def _work(seed: int, queue: Any, rows: int, length: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    queue.cancel_join_thread()
    writer, r, parent = Writer(), Random(seed), os.getppid()
    while os.getppid() == parent:
        queue.put(tuple(packed(writer, r, rows, length)))
