"""A store: the folder, the keys of its holder, its namespaces."""

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from kvprep.errors import ConfigError, IntegrityError, NotFound, PolicyDenied, StoreError
from kvprep.store import layout, remembered
from kvprep.store.audit import Audit, Head, system_user
from kvprep.store.auditcheck import AuditReport, check_audit
from kvprep.store.charter import SourceCheck, Trust, first_charter
from kvprep.store.database import Index
from kvprep.store.holder import Holder
from kvprep.store.keyfile import read_key_file, write_key_file
from kvprep.store.keyring import Keyring, first_slot
from kvprep.store.keys import NamespaceKeys
from kvprep.store.lock import exclusive
from kvprep.store.namespace import Namespace
from kvprep.store.places import default_key_path, default_store_path
from kvprep.store.slots import open_passphrase_slot, open_slot, seal_slot, write_slot
from kvprep.store.state import new_state, read_state, write_state
from kvprep.store.usage import Usage
from kvprep.types import NamespaceId

_NAMESPACE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Store:
    """An open store; a context manager. Not shared between threads while it changes."""

    def __init__(self, places: layout.Layout, keyring: Keyring, principal: str | None = None) -> None:
        """Use `Store.open` or `Store.create`."""
        self.layout, self.keyring = places, keyring
        self.principal = principal or f"{system_user()}/{keyring.holder.label}"
        self.is_new_here = False
        """Whether this machine had never seen it: an older copy would not be told from the newest."""
        self._index: Index | None = None
        self._usage: Usage | None = None
        self._audit: Audit | None = None
        self.audit.record("open", "done", subject=keyring.holder.slot)

    @classmethod
    def create(cls, path: Path, *, key_file: Path | None = None) -> "Store":
        """Make an empty store and its key file.

        Raises:
            ConfigError: the folder is not empty.
            StoreError: the key file is already there.
        """
        path = path.expanduser().absolute()
        if path.exists() and any(entry.name not in (*layout.FOLDERS, "README") for entry in path.iterdir()):
            raise ConfigError(f"{path}: not an empty folder", hint="Name a new folder with --store.")
        places = layout.create_layout(path)
        secret = write_key_file((key_file or default_key_path(places.store_id)).expanduser(), places.store_id)
        slot = first_slot()
        write_slot(places, slot, seal_slot(places, slot, secret))
        layout.write_store_toml(places)
        remembered.remember_store(path, places.store_id)
        store = cls(places, Keyring(places, slot))
        store.namespace("default", create=True)
        return store

    @classmethod
    def open(
        cls,
        path: Path | None = None,
        *,
        key_file: Path | None = None,
        passphrase: str | None = None,
        principal: str | None = None,
    ) -> "Store":
        """Open the store at `path` (default: the user's own).

        Args:
            path: its folder.
            key_file: opens it; None: the one that `create` made in the user's configuration folder.
            passphrase: opens it in place of a key file; takes some tenths of a second and 128 MiB.
            principal: who the audit log says it is; None: the user of the operating system and the key's label.

        Raises:
            StoreNotFound: no store there.
            WrongKey: the key file or passphrase does not open it.
        """
        path = (path or default_store_path()).expanduser().absolute()
        places = layout.open_layout(path)
        if passphrase is not None:
            slot = open_passphrase_slot(places, passphrase)
        else:
            slot = open_slot(places, read_key_file((key_file or default_key_path(places.store_id)).expanduser()))
        is_new_here = remembered.remember_store(path, places.store_id)
        store = cls(places, Keyring(places, slot), principal)
        store.is_new_here = is_new_here
        return store

    @property
    def holder(self) -> Holder:
        """Whose key opened it."""
        return self.keyring.holder

    @property
    def path(self) -> Path:
        """The store's folder."""
        return self.layout.root

    @property
    def index(self) -> Index:
        """The index, opened when first needed."""
        if self._index is None:
            self._index = Index(self.path / "index.sqlite")
        return self._index

    @property
    def usage(self) -> Usage:
        """What the store was used for; the file is opened when first needed."""
        if self._usage is None:
            self._usage = Usage(self.path / "usage.sqlite", self.principal)
        return self._usage

    @property
    def audit(self) -> Audit:
        """The log of who did what, opened when first needed."""
        if self._audit is None:
            self._audit = Audit(self.path / "audit.sqlite", self.holder.audit_key, self.principal)
        return self._audit

    def check_audit(self, checkpoints: Iterable[Head] = ()) -> AuditReport:
        """Check the audit log: its chain, and against what was seen here before and checkpoints kept elsewhere."""
        heads = (remembered.last_audit(self.layout.store_id), *checkpoints)
        return check_audit(self.audit.records(), self.holder.audit_key, heads)

    def namespace(self, name: str, *, create: bool = False) -> Namespace:
        """Open a namespace.

        Args:
            name: letters, digits, `.`, `_`, `-`; at most 64.
            create: make it if it is not there.

        Raises:
            NotFound: there is none of this name that the key opens.
            IntegrityError: its state is damaged, or older than one already seen here.
        """
        ident = self.namespace_id(name)
        try:
            opened = self.open_namespace(ident)
        except IntegrityError:
            self.audit.record("open", "corrupt", namespace=ident)
            raise
        if opened is None and create:
            return self.make_namespace(name, Trust.AEAD, SourceCheck.STAT)
        return opened or self.no_namespace(name)

    def no_namespace(self, name: str) -> NoReturn:
        """Refuse a name of which there is no namespace, or none that the key opens: nobody is told which.

        Raises:
            NotFound: always.
        """
        self.audit.record("open", "absent", namespace=self.namespace_id(name))
        raise NotFound(f"namespace {name}: none that this key opens", hint="`kvprep ingest --namespace` makes one.")

    @contextmanager
    def noting_denial(self, verb: str, *, namespace: bytes = b"") -> Iterator[None]:
        """Note in the audit log what was tried here and is denied."""
        try:
            yield
        except PolicyDenied:
            self.audit.record(verb, "denied", namespace=namespace)
            raise

    def namespace_id(self, name: str) -> NamespaceId:
        """Name a namespace's files.

        Raises:
            ConfigError: not what a namespace can be called.
        """
        if not _NAMESPACE_NAME.fullmatch(name):
            raise ConfigError(f"{name!r}: no name for a namespace", hint="Use letters, digits, '.', '_' and '-'.")
        return self.keyring.namespace_id(name)

    def namespaces(self) -> list[Namespace]:
        """Open every namespace that the key opens, by name."""
        found = (self.open_namespace(ident) for ident in self.keyring.idents())
        return sorted((namespace for namespace in found if namespace is not None), key=lambda n: n.name)

    def open_namespace(self, ident: NamespaceId) -> Namespace | None:
        """Open a namespace by its id; None if the store has no keys of it, or its making was cut short.

        Raises:
            WrongKey: its keys are damaged.
            IntegrityError: its state is damaged, missing, or older than one already seen here.
        """
        opened = self.keyring.open_namespace(ident)
        if opened is None or self._is_unborn(opened):
            return None
        try:
            self._check_remembered(opened)
        except IntegrityError:
            # Somebody may be writing it, and what is remembered be newer than what was read. He holds the lock.
            with self.commit_lock():
                self._check_remembered(opened)
        return Namespace(self, opened)

    def _check_remembered(self, opened: NamespaceKeys) -> None:
        store_id, incarnation = self.layout.store_id, opened.incarnation
        seen = remembered.recall(store_id, incarnation)
        seen.refuse_shredded(f"namespace {opened.name}")
        state = read_state(self.layout, opened, *self.holder.admins)
        generation, charter = state.generation, state.charter.version
        subject = f"namespace {opened.name} of {self.path}"
        if seen.check(generation=generation, charter=charter, subject=subject):
            remembered.remember_state(store_id, incarnation, generation=generation, charter=charter)

    def _is_unborn(self, opened: NamespaceKeys) -> bool:
        """Tell a namespace that was killed between its keys and its state from one that has lost its state."""
        if self.layout.file("namespaces", opened.ident).exists():
            return False
        seen = remembered.recall(self.layout.store_id, opened.incarnation)
        return not seen.generation and not any(Namespace(self, opened).files("entries"))

    def create_namespace(self, name: str, *, trust: Trust, source_check: SourceCheck) -> Namespace:
        """Make a namespace of this policy.

        Raises:
            StoreError: there is one of this name.
            PolicyDenied: the key is no admin's.
        """
        if self.open_namespace(self.namespace_id(name)) is not None:
            raise StoreError(f"namespace {name}: already there", hint="`kvprep namespace list` shows it.")
        return self.make_namespace(name, trust, source_check)

    def make_namespace(self, name: str, trust: Trust, source_check: SourceCheck) -> Namespace:
        """Make a namespace, or what of it is still to be made.

        Raises:
            PolicyDenied: the key is no admin's.
        """
        ident = self.keyring.current_id(name)
        with self.noting_denial("create", namespace=ident):
            charter = first_charter(self.holder, ident, name=name, trust=trust, source_check=source_check)
        with self.commit_lock():
            opened = self.keyring.open_namespace(ident) or self.keyring.create(name)
            if not self.layout.file("namespaces", ident).exists():
                write_state(self.layout, opened, self.holder, new_state(name, charter))
                self.audit.record("create", "done", namespace=ident)
        return Namespace(self, opened)

    def commit_lock(self) -> AbstractContextManager[None]:
        """Hold the commit lock, for as long as a few files take to write."""
        return exclusive(self.layout.root / "locks" / "commit.lock")

    def close(self) -> None:
        """Close index, counters and audit log.

        Raises:
            StoreError: the last records of the audit log could not be written.
        """
        with ExitStack() as closing:
            if self._index is not None:
                closing.callback(self._index.close)
            if self._usage is not None:
                closing.callback(self._usage.close)
            if self._audit is not None:
                _close_audit(self._audit, self.layout.store_id)
        self._index = self._usage = self._audit = None

    def __enter__(self) -> "Store":
        """Use as a context."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close."""
        try:
            self.close()
        except StoreError:
            if exc[0] is None:  # else what went wrong first says more, such as which disk is full
                raise


def _close_audit(audit: Audit, store_id: str) -> None:
    """Remember how long the log has become, if it goes on from what was seen before.

    Else a log that was cut short would have been forgotten as soon as it had grown longer again.
    """
    try:
        goes_on = audit.holds(remembered.last_audit(store_id))
    finally:
        head = audit.close()
    if goes_on and head is not None:
        remembered.remember_audit(store_id, head)
