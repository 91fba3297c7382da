"""`kvprep init`."""

from kvprep.cli.creation import furnish, key_path
from kvprep.cli.options import NO_STORE, command
from kvprep.cli.session import Session
from kvprep.config import FILE_NAME
from kvprep.errors import ConfigError
from kvprep.store.store import Store


@command(example="kvprep init --store ~/invoices.kvprep", codes=NO_STORE)
def init(session: Session) -> None:
    """Make a store and its key.

    The key file lies outside the store, in your configuration folder, unless KVPREP_KEY_FILE says otherwise.
    `ingest` makes a store by itself only where none was ever seen.
    """
    if (session.path / "store.toml").exists():
        raise ConfigError(f"{session.path}: is a store already", hint="Name a new folder with --store.")
    with Store.create(session.path, key_file=session.settings.key_file) as store:
        store.namespace(session.settings.one_namespace, create=True)
        furnish(session, store)
        session.emit(
            "init",
            {
                "store": str(store.path),
                "store_id": store.layout.store_id,
                "key_file": str(key_path(session, store)),
                "settings": str(store.path / FILE_NAME),
                "namespace": session.settings.one_namespace,
            },
        )
