"""Restore a slot in a server of its own, which a broken file may end: `python -m … WEIGHTS FOLDER NAME`."""

import sys

from bench.peers.llamacpp import Slot

if __name__ == "__main__":
    weights, folder, name = sys.argv[1:]
    Slot(weights, folder, 1024, 1).do("restore", filename=name)
