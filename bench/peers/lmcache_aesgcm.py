"""LMCache's second tier with `aesgcm`."""

from functools import partial

from bench.peers.lmcache import measure
from bench.peers.peer import serve

if __name__ == "__main__":
    serve(partial(measure, sealed=True))
