"""llama.cpp's server with weights of kvprep's precision."""

from collections.abc import Iterator
from dataclasses import replace

from bench.peers import llamacpp
from bench.peers.peer import Peer, Request, Seconds, serve

PEER = Peer(
    description=replace(
        llamacpp.PEER.description,
        name="llama.cpp slots, bfloat16 weights",
        numbers="weights bfloat16 (of the bundled GGUF file, as kvprep has them), KV float16",
    ),
    environment=llamacpp.PEER.environment,
    module="llamacpp_bf16",
    seconds=300,
)


def measure(request: Request) -> Iterator[tuple[str, Seconds]]:
    """Measure as with the bundled file."""
    return llamacpp.measure(replace(request, weights=request.weights_bf16))


if __name__ == "__main__":
    serve(measure)
