"""Which graphs this user's own `export` wrote on this machine.

A run may be a stranger's, and whoever writes its files can write hashes that fit them: that a graph
is what the run's record says does not say who made it. Only a note outside of the run does.
"""

import contextlib

from artifacts.export_records import Variant
from untrusted.notes import is_noted, write_note

_KIND = "exported-graphs"


def note_own(variant: Variant) -> None:
    """Note that `export` wrote this graph here and ran it.

    Where that cannot be written, nothing is lost: the graph is tried like any other.
    """
    with contextlib.suppress(OSError):
        write_note(_KIND, content_of_graph(variant))


def is_own(variant: Variant) -> bool:
    """Return whether `export` is known to have written exactly this graph, with these weights."""
    return is_noted(_KIND, content_of_graph(variant))


def content_of_graph(variant: Variant) -> str:
    """Return the sha256 of the graph's file, and of the one beside it if its weights lie there."""
    weights = variant.external_data
    return variant.onnx_sha256 if weights is None else f"{variant.onnx_sha256} {weights.sha256}"
