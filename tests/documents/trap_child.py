"""A child of the cage whose reader does what the document says, for tests of what the cage does about it."""

import os
import signal
import sys
import time

from kvprep.documents.base import Block, Extracted, Kind, Limits
from kvprep.documents.child import serve
from kvprep.errors import ProtectedDocument


class ObedientReader:
    name = "obedient"

    def read(self, data: bytes, limits: Limits) -> Extracted:
        order, _, argument = data.decode().partition(" ")
        answer = ORDERS[order](argument.strip())
        return Extracted((Block(answer or f"{order} done"),), "", (), "obedient 1")


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
    "spin": _spin,
    "burn": _burn,
    "environment": _environment,
    "descriptors": _descriptors,
}


def readers(kind: Kind) -> ObedientReader:
    return ObedientReader()


if __name__ == "__main__":
    serve(readers)
