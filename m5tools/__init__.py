"""m5tools: raw product crawls in, clean five-modality training data out.

>>> import m5tools as m5
>>> ds = m5.open("data/shop")          # ds.products, ds.tags, … are Polars LazyFrames
>>> loader = m5.Loader("data/shop/shards/default", global_batch_size=64)   # needs the `train` extra
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from m5tools.dataset import Dataset as Dataset
    from m5tools.dataset import open_dataset as open
    from m5tools.loader.batch import Batch as Batch
    from m5tools.loader.buckets import Buckets as Buckets
    from m5tools.loader.loader import Loader as Loader
    from m5tools.loader.pool import Part as Part
    from m5tools.loader.weights import LongTail as LongTail
    from m5tools.vocabulary import Modality as Modality
    from m5tools.vocabulary import Reason as Reason
    from m5tools.vocabulary import State as State

__version__ = "0.1.0"
__all__ = [
    "Batch", "Buckets", "Dataset", "Loader", "LongTail", "Modality", "Part", "Reason", "State", "__version__", "open",
]  # fmt: skip

_HOMES = {
    "open": ("m5tools.dataset", "open_dataset"),
    "Dataset": ("m5tools.dataset", "Dataset"),
    "Loader": ("m5tools.loader.loader", "Loader"),
    "Batch": ("m5tools.loader.batch", "Batch"),
    "Buckets": ("m5tools.loader.buckets", "Buckets"),
    "Part": ("m5tools.loader.pool", "Part"),
    "LongTail": ("m5tools.loader.weights", "LongTail"),
    "Modality": ("m5tools.vocabulary", "Modality"),
    "Reason": ("m5tools.vocabulary", "Reason"),
    "State": ("m5tools.vocabulary", "State"),
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that `import m5tools` stays instant and needs no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'm5tools' has no attribute '{name}'")
    import importlib

    module, attribute = _HOMES[name]
    try:
        home = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        told = f"m5tools.{name} needs torch; install it with: pip install 'm5tools[train]'"
        raise ModuleNotFoundError(told, name="torch") from error
    return getattr(home, attribute)
