"""LMCache's second tier, as its own `lmcache bench l2` measures it: bytes to and from disk, no model.

`bench l2` leaves encryption out (it makes the bare adapter, whatever `serde` is asked for), so the encrypted adapter is
put together here as LMCache's storage manager does, and runs through the same functions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from os import urandom
from pathlib import Path
from typing import Any

from bench.environments import Environment
from bench.peers.peer import RESTORE, SAVE, Description, Peer, Request, Seconds, serve

_CHUNK_TOKENS = 256
_KEY_BYTES = 32
_MANAGER_BYTES = 1 << 30

_ENVIRONMENT = Environment("lmcache", "0.5.6", beside=("torch==2.13.0",), download_mb=420)


def _peer(name: str, module: str, unchecked: str) -> Peer:
    description = Description(
        name=f"LMCache, {name}",
        version=f"lmcache {_ENVIRONMENT.version}",
        numbers="as many bytes as bfloat16 KV, in chunks of 256 tokens",
        unchecked=f"{unchecked}; the model is told apart by its name; from and to its own memory, no engine in it",
    )
    return Peer(description, _ENVIRONMENT, module, seconds=60)


PEERS = (
    _peer("fs", "lmcache", "authenticates and encrypts nothing"),
    _peer(
        "fs with aesgcm",
        "lmcache_aesgcm",
        "encrypts and authenticates each chunk, but not which chunk it is: two of one tenant can be swapped",
    ),
)


def measure(request: Request, *, sealed: bool) -> Iterator[tuple[str, Seconds]]:
    """Store and load the bytes of every size."""
    for tokens, prompt in request.prompts.items():
        num_chunks = -(-len(prompt) // _CHUNK_TOKENS)
        batch = _Batch(Path(request.folder) / tokens, num_chunks, request.token_bytes * len(prompt) // num_chunks)
        adapter = batch.sealed_adapter() if sealed else batch.adapter()
        yield tokens, batch.measure(adapter, request.rounds)
        adapter.close()


@dataclass
class _Batch:
    """The chunks of one prompt: all stored at once, all loaded at once."""

    folder: Path
    num_chunks: int
    chunk_bytes: int

    def __post_init__(self) -> None:
        from lmcache.cli.commands.bench.l2_adapter_bench import data  # type: ignore[import-not-found]

        self._data = data
        self._memory = data.make_aligned_tensor(2 * self.num_chunks * self.chunk_bytes)

    def adapter(self) -> Any:
        """Make what `bench l2` makes for `{"type": "fs"}`."""
        from lmcache.v1.distributed.l2_adapters import create_l2_adapter  # type: ignore[import-not-found]
        from lmcache.v1.distributed.l2_adapters.fs_l2_adapter import (  # type: ignore[import-not-found]
            FSL2AdapterConfig,
        )

        config = FSL2AdapterConfig.from_dict({"base_path": str(self.folder)})
        return create_l2_adapter(config, l1_memory_desc=self._data.create_l1_memory_desc(self._memory))

    def sealed_adapter(self) -> Any:
        """Wrap that adapter as LMCache's storage manager does where `serde` is `aesgcm`."""
        from lmcache.v1.distributed.config import (  # type: ignore[import-not-found]
            L1ManagerConfig,
            L1MemoryManagerConfig,
        )
        from lmcache.v1.distributed.l1_manager import L1Manager  # type: ignore[import-not-found]
        from lmcache.v1.distributed.l2_adapters.serde_wrapper import (  # type: ignore[import-not-found]
            SerdeL2AdapterWrapper,
        )
        from lmcache.v1.distributed.serde import SerdeConfig, create_serde_processor  # type: ignore[import-not-found]

        key = self.folder.with_suffix(".key")
        key.write_bytes(urandom(_KEY_BYTES))
        serde = SerdeConfig("aesgcm", {"aes_bits": 8 * _KEY_BYTES, "master_key_path": str(key)})
        manager = L1Manager(L1ManagerConfig(L1MemoryManagerConfig(_MANAGER_BYTES, use_lazy=False, shm_name="")))
        return SerdeL2AdapterWrapper(self.adapter(), create_serde_processor(serde), manager)

    def measure(self, adapter: Any, rounds: int) -> Seconds:
        """Run the two functions of `bench l2`, one round more than counts, and compare what was loaded last."""
        from lmcache.cli.commands.bench.l2_adapter_bench.runner import (  # type: ignore[import-not-found]
            bench_load,
            bench_store,
        )

        stored, loaded = self._objects(0), self._objects(1)
        seconds = {SAVE: self._run(bench_store, adapter, rounds, stored)}
        seconds[RESTORE] = self._run(bench_load, adapter, rounds, loaded)
        if not self._data.verify_round_trip(self._keys(rounds), stored, loaded, print):
            raise RuntimeError("LMCache loaded something else than it had stored")
        return seconds

    def _run(self, function: Callable[..., Any], adapter: Any, rounds: int, objects: list[Any]) -> list[float]:
        result = function(
            adapter,
            in_flight=1,
            num_keys=self.num_chunks,
            data_size=self.chunk_bytes,
            rounds=rounds + 1,
            keys_for_round=lambda turn: [self._keys(turn)],
            objs_for_round=lambda _: [objects],
            log=print,
        )
        if result.total_success != self.num_chunks * (rounds + 1):
            raise RuntimeError("LMCache did not store or load all chunks")
        return list(result.round_durations[1:])

    def _keys(self, turn: int) -> list[Any]:
        keys: list[Any] = self._data.make_object_keys(self.num_chunks, key_offset=turn * self.num_chunks)
        return keys

    def _objects(self, half: int) -> list[Any]:
        offset = half * self.num_chunks * self.chunk_bytes
        objects: list[Any] = self._data.make_memory_objects(
            self._memory, self.num_chunks, self.chunk_bytes, offset, fill_offset=half
        )
        for made in objects:  # the adapter that encrypts asks for lists, which `bench l2` leaves out
            made.meta.shapes, made.meta.dtypes = [made.meta.shape], [made.meta.dtype]
        return objects


if __name__ == "__main__":
    serve(partial(measure, sealed=False))
