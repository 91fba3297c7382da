"""The model and the memory that answers are made with: both are kept for the next answer."""

from collections.abc import Callable

from kvprep.prefill.base import Engine, KVBuffer
from kvprep.prefill.memory import HostMemory
from kvprep.prefill.models import ModelFiles


class Workplace:
    """An engine and at most one spare buffer of it."""

    def __init__(self, files: ModelFiles, load_engine: Callable[[ModelFiles], Engine]) -> None:
        """Load nothing yet."""
        self.files, self._load_engine = files, load_engine
        self._engine: Engine | None = None
        self._memory: HostMemory | None = None
        self._spare: KVBuffer | None = None

    def prepare(self, capacity: int) -> Engine:
        """Give the model; while it is being loaded, memory for `capacity` tokens is taken from the system."""
        if self._engine is None:
            if capacity and self.files.device == "cpu":
                self._memory = HostMemory(self.files.shape, capacity).touch()
            self._engine = self._load_engine(self.files)
        return self._engine

    def take(self, capacity: int) -> KVBuffer:
        """Give a buffer with room for `capacity` tokens, whatever it holds, to one answer; `put_back` ends that."""
        spare, self._spare = self._spare, None
        if spare is not None and spare.capacity >= capacity:
            return spare
        memory, self._memory = self._memory, None
        return self.prepare(0).new_buffer(capacity, memory)

    def put_back(self, buffer: KVBuffer) -> None:
        """Keep a buffer for the next answer."""
        self._spare = buffer
