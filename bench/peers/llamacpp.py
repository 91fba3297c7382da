"""llama.cpp's server, through xllamacpp's prebuilt wheel: slots are saved, erased and restored over HTTP.

The server's own clock is kept beside ours, since JSON and HTTP are no work of a restore.
"""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlparse

from bench.environments import Environment
from bench.peers.peer import BOTH, FIRST, PREFILL, RESTORE, SAVE, Description, Peer, Request, Seconds, serve
from bench.timing import Stopwatch

OWN_CLOCK = "restore + first token by its own clock"
_ROOM = 64

_ENVIRONMENT = Environment("xllamacpp", "2026.10.11549", download_mb=35)
PEER = Peer(
    description=Description(
        name="llama.cpp slots",
        version=f"xllamacpp {_ENVIRONMENT.version}",
        numbers="weights Q4_1 (the bundled GGUF file itself), KV float16",
        unchecked="authenticates and encrypts nothing; of the model, only the shape of its cache is compared; "
        "the caller names the file and knows whether it is stale",
    ),
    environment=_ENVIRONMENT,
    module="llamacpp",
    seconds=300,
)


def measure(request: Request) -> Iterator[tuple[str, Seconds]]:
    """Measure every size on one server."""
    slot = Slot(request.weights, request.folder, max(map(int, request.prompts)) + _ROOM, request.threads)
    for tokens, prompt in request.prompts.items():
        yield tokens, _measure_size(slot, request, prompt)


def _measure_size(slot: "Slot", request: Request, prompt: list[int]) -> Seconds:
    watch, own_clock = Stopwatch(), list[float]()
    for _ in range(request.prefills(prompt)):
        slot.do("erase")
        with watch.measure(PREFILL):
            slot.complete(prompt, 0)
    for _ in range(request.rounds):
        with watch.measure(SAVE):
            slot.do("save", filename="slot")
    for _ in range(request.rounds):
        slot.do("erase")
        with watch.measure(RESTORE):
            restored = slot.do("restore", filename="slot")
        with watch.measure(FIRST):
            completed = slot.complete([*prompt, prompt[-1]], 1)
        if restored["n_restored"] != len(prompt) or completed["timings"]["prompt_n"] != 1:
            raise RuntimeError("llama.cpp computed what it had restored")
        timings = completed["timings"]
        own_clock.append((restored["timings"]["restore_ms"] + timings["prompt_ms"] + timings["predicted_ms"]) / 1000)
    watch.add_sum(BOTH, RESTORE, FIRST)
    return {**watch.seconds, OWN_CLOCK: own_clock}


class Slot:
    """The one slot of a server that lives as long as this process."""

    def __init__(self, weights: str, folder: str, num_tokens: int, threads: int) -> None:
        """Start it.

        Args:
            weights: a GGUF file.
            folder: where slots are saved.
            num_tokens: room.
            threads: to compute with.
        """
        import xllamacpp  # type: ignore[import-not-found]

        params = xllamacpp.CommonParams()
        params.model.path = weights
        params.slot_save_path = folder + "/"
        params.n_ctx = num_tokens
        params.n_parallel = 1
        params.cache_ram_mib = 0  # or it would keep erased slots in memory
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.port = 0
        params.verbosity = -1
        self._server = xllamacpp.Server(params)
        address = urlparse(self._server.listening_address)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port)

    def do(self, action: str, **body: str) -> dict[str, Any]:
        """Save, restore or erase the slot."""
        return self._post(f"/slots/0?action={action}", body)

    def complete(self, prompt: list[int] | str, num_tokens: int, **more: object) -> dict[str, Any]:
        """Run a prompt, from where the slot agrees with it."""
        body = {"prompt": prompt, "n_predict": num_tokens, "cache_prompt": True, "id_slot": 0, "temperature": 0}
        return self._post("/completion", body | more)

    def hang_up(self) -> None:
        """Close the connection; the next request opens another. The server closes one that is idle for seconds."""
        self._connection.close()

    def _post(self, path: str, body: object) -> dict[str, Any]:
        self._connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        if response.status != http.client.OK:
            raise RuntimeError(f"{path}: {answer}")
        return answer


if __name__ == "__main__":
    serve(measure)
