"""Where training is, in a handful of numbers: the same on every rank, and counted in batches that were handed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from m5tools.errors import UsageError

VERSION: Final = 2
"""Raised when the order of an epoch changes for the same seed and fingerprint."""

_REMEDIES: Final = {
    "fingerprint": "the samples or their order changed; open the same shards with the same split, cut, overlays, "
    "filter, modalities, shuffle, drop_last, weights, buckets and mixing",
    "seed": "open the loader with the same seed",
    "global_batch_size": "open the loader with the same global_batch_size",
}
_EPOCHS: Final = 2**63
_ANOTHER: Final = "continue from another checkpoint, or begin anew without a state"


@dataclass(frozen=True)
class State:
    """The place in training.

    Attributes:
        fingerprint: 16 hex digits over all that decides the order.
        seed, global_batch_size: of the order.
        epoch: which epoch.
        step: batches of it that were delivered.
    """

    fingerprint: str
    seed: int
    global_batch_size: int
    epoch: int
    step: int

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON, `torch.save` and `torch.distributed.checkpoint` alike."""
        return {"version": VERSION, **asdict(self)}

    def followed_by(self, saved: object, batches: Callable[[int], int]) -> State:
        """The saved state, when it belongs to this order.

        Args:
            saved: what :meth:`to_dict` gave once, from wherever it was kept.
            batches: how many an epoch has.

        Raises:
            UsageError: it does not, or is none; the message names what differs.
        """
        if not isinstance(saved, dict):
            raise UsageError(f"a loader state is a dict, not {type(saved).__name__}; {_ANOTHER}")
        if saved.get("version") != VERSION:
            raise UsageError(f"this loader state has version {saved.get('version')}, not {VERSION}")
        for name, remedy in _REMEDIES.items():
            if saved.get(name) != getattr(self, name):
                was, here = saved.get(name), getattr(self, name)
                raise UsageError(f"cannot continue: {name} was {was}, here it is {here}; {remedy}")
        epoch = _counted(saved, "epoch", _EPOCHS - 1)
        step = _counted(saved, "step", batches(epoch))
        return State(self.fingerprint, self.seed, self.global_batch_size, epoch, step)


def _counted(saved: dict[str, Any], name: str, most: int) -> int:
    """A number of a saved state."""
    if name not in saved:
        raise UsageError(f"this loader state has no {name}; {_ANOTHER}")
    value = saved[name]
    if type(value) is not int or not 0 <= value <= most:
        raise UsageError(f"the {name} of this loader state is {value!r:.40}, no whole number of 0 … {most}; {_ANOTHER}")
    return value
