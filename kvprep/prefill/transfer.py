"""Bytes out of a device's memory into the host's, for a reader in another thread than the one that computes."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from kvprep.prefill.lending import ChunkView


class PinnedReader:
    """Copies out of a CUDA device on a stream of their own, into one piece of pinned memory: the device computes on."""

    def __init__(self, device: "torch.device") -> None:
        """Begin after what the device has been given so far. Made by the thread that computes."""
        import torch

        self._stream: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._stream.wait_stream(torch.cuda.current_stream(device))
        self._host = _pinned(0)

    def read(self, run: "torch.Tensor") -> memoryview:
        """Copy a contiguous tensor; its bytes are valid until the next call. One thread at a time."""
        import torch

        flat = run.view(torch.uint8).reshape(-1)
        if flat.numel() > self._host.numel():
            self._host = _pinned(flat.numel())
        host = self._host[: flat.numel()]
        with torch.cuda.stream(self._stream):
            host.copy_(flat, non_blocking=True)
        self._stream.synchronize()
        return bytes_of(host)


def copied(memory: "list[list[torch.Tensor]]", start: int, end: int) -> "ChunkView":
    """Copy tokens [start, end) into host memory at once, and show them from there.

    For devices that take no commands from a second thread while they compute (MPS).

    Args:
        memory: for each layer keys and values, shape (1, num_kv_heads, capacity, dim).
    """
    host = [[part[0, :, start:end].cpu() for part in layer] for layer in memory]

    def view(layer: int, part: int, head: int, first: int, last: int) -> memoryview:
        return bytes_of(host[layer][part][head, first - start : last - start])

    return view


def bytes_of(run: "torch.Tensor") -> memoryview:
    """Show a contiguous tensor's memory, on a CPU; numpy has no bfloat16, so by way of bytes."""
    import torch

    flat: Any = run.view(torch.uint8).reshape(-1).numpy()
    return memoryview(flat)


def _pinned(num_bytes: int) -> "torch.Tensor":
    import torch

    return torch.empty(num_bytes, dtype=torch.uint8, pin_memory=True)
