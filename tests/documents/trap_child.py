"""A child of the cage whose reader does what the document says, for tests of what the cage does about it."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator

from kvprep.documents.base import Block, Extracted, Kind, Limits
from kvprep.documents.child import serve
from kvprep.errors import ProtectedDocument
from kvprep.types import Member, TextFinding


class ObedientReader:
    name = "obedient"

    def read(self, data: bytes, limits: Limits) -> Extracted:
        order, _, argument = data.decode().partition(" ")
        members = tuple(_members(json.loads(argument))) if order == "hold" else ()
        answer = "held" if order == "hold" else ORDERS[order](argument.strip())
        findings = tuple(_findings(int(argument))) if order == "find" else ()
        return Extracted((Block(answer or f"{order} done"),), "", findings, "obedient 1", members)


def _findings(number: int) -> Iterator[TextFinding]:
    """As many as said, at places with long names."""
    return (TextFinding("running-lines", 1, f"place {place} {'x' * 300}") for place in range(number))


def _members(orders: dict[str, object]) -> Iterator[Member]:
    """Members by name: an order as text, or the orders of its own members; empty where it is only listed."""
    for name, order in orders.items():
        data = order if isinstance(order, str) else f"hold {json.dumps(order)}"
        yield Member(name, len(data), data.encode())


def _protected(_: str) -> str:
    raise ProtectedDocument("opens with a password only")


def _fail(secret: str) -> str:
    raise ValueError(f"cannot parse {secret}")


def _spin(_: str) -> str:
    while True:
        pass


def _burn(seconds: str) -> None:
    end = time.process_time() + float(seconds)
    while time.process_time() < end:
        pass


def _environment(_: str) -> str:
    return "\n".join(sorted(os.environ))


def _write(path: str) -> str:
    try:
        with open(path, "wb", buffering=0) as file:
            return f"{file.write(b'x')} byte written"
    except OSError as error:
        return error.strerror or ""


def _descriptors(_: str) -> str:
    return " ".join(sorted(os.listdir("/dev/fd")))


ORDERS = {
    "say": lambda text: text,
    "hang": lambda seconds: time.sleep(float(seconds)),
    "exit": lambda code: os._exit(int(code)),
    "signal": lambda name: os.kill(os.getpid(), getattr(signal, name)),
    "eat": lambda mebibytes: str(len(bytearray(int(mebibytes) << 20))),
    "flood": lambda kibibytes: "x" * (int(kibibytes) << 10),
    "print": lambda text: print(text) or print(text, file=sys.stderr) or "printed",
    "pid": lambda _: str(os.getpid()),
    "protected": _protected,
    "fail": _fail,
    "find": lambda number: f"{number} things",
    "spin": _spin,
    "burn": _burn,
    "environment": _environment,
    "descriptors": _descriptors,
    "write": _write,
}


def readers(kind: Kind) -> ObedientReader:
    return ObedientReader()


if __name__ == "__main__":
    serve(readers)
