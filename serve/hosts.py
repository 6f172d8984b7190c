"""Names that a server answers to.

A page of a stranger can have its own name looked up as 127.0.0.1, and its script then asks the
server of whoever looks at the page, and reads the answers (DNS rebinding). Such a request asks for
the stranger's name, in its Host header. So a server that only its own machine can reach answers to
addresses, which nobody had to look up, to localhost, and to the names that its user told it.
"""

import ipaddress
from collections.abc import Iterable

from fastapi.responses import Response

from serve.problems import problem_response

MISDIRECTED = 421  # RFC 9110, 15.5.20
LOCAL = "localhost"  # and what ends with it, which never leaves the machine (RFC 6761, 6.3)


class Hosts:
    """The names.

    Args:
        names: beside localhost and all addresses.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name.lower().rstrip(".") for name in names)

    def refusal(self, header: bytes | None) -> Response | None:
        """Return what a request with this Host header is answered instead, if it is none of ours.

        No header is no browser's request.
        """
        if header is None or self._has(_name_in(header.decode("latin-1"))):
            return None
        return problem_response(
            MISDIRECTED,
            f"the Host header is {header.decode('latin-1')!r}: wanted localhost, an address, or a"
            " name that `serve --allow-host` told",
        )

    def _has(self, name: str) -> bool:
        if name in self._names or name == LOCAL or name.endswith(f".{LOCAL}"):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _name_in(header: str) -> str:
    """Return the name, without its port, brackets and final dot."""
    if header.startswith("["):  # an IPv6 address
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower().rstrip(".")
