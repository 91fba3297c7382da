"""A new store: its settings file, and what its owner must know."""

from pathlib import Path

from kvprep.cli.session import Session
from kvprep.config import FILE_NAME, TEMPLATE
from kvprep.store.layout import write_durably
from kvprep.store.places import default_key_path
from kvprep.store.store import Store


def key_path(session: Session, store: Store) -> Path:
    """Where the key of a store lies."""
    return (session.settings.key_file or default_key_path(store.layout.store_id)).expanduser()


def furnish(session: Session, store: Store) -> None:
    """Put a commented settings file into a new store, and say where store and key lie and what the key is good for."""
    write_durably(store.layout, store.path / FILE_NAME, [TEMPLATE.encode()])
    session.say(f"New store   {store.path}")
    session.say(f"Its key     {key_path(session, store)}")
    session.say(f"Settings    {store.path / FILE_NAME}")
    session.say("Keep a copy of the key elsewhere: without it nothing in the store can be read, by anybody.")
    session.say(
        "It guards copies and backups of the store, not a stolen disk that holds both: encrypt that disk as well."
    )
