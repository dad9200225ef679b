"""The galleries beside the report: real examples of every tag, state and relation, and all that is known of each.

`write(dataset, folder)` adds one to `gallery/` in the reports' folder and gives the links to its pages. The pages load
nothing but pictures and sounds that lie beside them.
"""

from __future__ import annotations

from m5tools.audit.gallery.folder import Links, write

__all__ = ["Links", "write"]
