"""What one run of a command works with: settings, the store, readers, progress."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kvprep.cli import logs, output, render
from kvprep.config import ModelSettings, Settings, override
from kvprep.progress import Progress

if TYPE_CHECKING:
    # An ingest in which nothing is new opens none of them, and importing them takes longer than all that it does.
    from kvprep.documents.cage import Cage
    from kvprep.prefill.models import ModelSpec
    from kvprep.store.namespace import Namespace
    from kvprep.store.store import Store

_MOST_JOBS = 4
_FIRST_SIGHT = (
    "kvprep: this machine sees this store for the first time, and trusts what it says; "
    "`kvprep audit verify --checkpoint` holds it against a checkpoint kept elsewhere."
)


@dataclass(frozen=True)
class Session:
    """Settings of one run, and what they open."""

    settings: Settings
    path: Path
    """The store's folder, whether or not there is a store yet."""
    settings_file: Path
    """Where settings were read from, if it is there."""
    as_json: bool
    quiet: bool
    verbose: bool

    def with_model(self, **flags: str | None) -> "Session":
        """Put the flags of a command that runs a model over the settings."""
        return replace(self, settings=replace(self.settings, model=override(self.settings.model, **flags)))

    @contextmanager
    def store(self) -> "Iterator[Store]":
        """Open the store."""
        from kvprep.cli.unlocking import passphrase_for
        from kvprep.store.store import Store

        passphrase = passphrase_for(self.path, self.settings)
        with Store.open(self.path, key_file=self.settings.key_file, passphrase=passphrase) as store:
            self.greet(store)
            yield store

    def greet(self, store: "Store") -> None:
        """Say that a store is seen for the first time: nothing here would tell an older copy from the newest."""
        if store.is_new_here:
            self.say(_FIRST_SIGHT)

    @contextmanager
    def namespace(self) -> "Iterator[Namespace]":
        """Open the store and the namespace."""
        with self.store() as store:
            yield store.namespace(self.settings.one_namespace)

    def cage(self, jobs: int | None = None) -> "Cage":
        """Prepare the reading processes. Enter it before the store is opened: they must not see its key."""
        from kvprep.documents.cage import Cage

        return Cage(jobs=jobs or self.settings.ingest.jobs or min(_MOST_JOBS, os.cpu_count() or 1))

    def model(self, namespace: "Namespace | None") -> "ModelSpec | None":
        """Name the model as far as it was set, and for the rest as the namespace knows it; None: all as it knows it."""
        from kvprep.prefill.models import ModelSpec

        chosen = self.settings.model
        if chosen == ModelSettings():
            return None
        known = namespace.state().settings if namespace else {}
        # What was chosen for another model, such as its dtype, is not taken over to a new one.
        former = known if chosen.name in (None, known.get("model", "")) else {}
        return ModelSpec(
            name=chosen.name or former.get("model", ""),
            device=chosen.device or former.get("device", "auto"),
            dtype=chosen.dtype or former.get("dtype", "auto"),
            adapter=chosen.adapter or former.get("adapter", ""),
        )

    def progress(self) -> AbstractContextManager[Progress]:
        """Show progress on a terminal; elsewhere, or when quiet, nothing."""
        return render.progress(shown=not self.quiet)

    def say(self, line: str) -> None:
        """Tell a person something that is not data."""
        if not self.quiet:
            render.note(line)

    def log(self, message: str, **figures: Any) -> None:
        """Write a line with figures, where stderr is JSON; for a person the report has them."""
        if logs.is_on() and not self.quiet:
            logs.write("info", message, **figures)

    def emit(self, command: str, facts: dict[str, Any]) -> bool:
        """Print the facts as JSON if that was asked for; False: they are still to be drawn."""
        if self.as_json:
            output.emit(command, facts)
        return self.as_json
