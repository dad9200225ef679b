"""One JSON text as a value, also where a writer left NaN and Infinity in it, as Python's own does: those are null."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

_decode: Final = msgspec.json.Decoder().decode
_CONSTANTS: Final = (b"NaN", b"Infinity")


def value_of(text: bytes) -> Any:
    """The value.

    Raises:
        msgspec.DecodeError: it is no JSON.
        RecursionError: it is nested too deeply.
        UnicodeDecodeError: it is not UTF-8.
    """
    try:
        return _decode(text)
    except msgspec.DecodeError:
        if not text.startswith(b"{") or not any(constant in text for constant in _CONSTANTS):
            raise
        try:
            value = json.loads(text, parse_constant=lambda _: None)
            msgspec.json.encode(value)
        except UnicodeEncodeError as error:
            # Python takes it, msgspec does not, and no table can hold it.
            raise msgspec.DecodeError("half a surrogate pair stands for no character") from error
        except ValueError:
            pass
        else:
            return value
        raise
