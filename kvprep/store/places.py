"""Where a store and its key file lie unless told otherwise. Imports next to nothing."""

from pathlib import Path

import platformdirs


def default_store_path() -> Path:
    """Where a store lies unless told otherwise."""
    return platformdirs.user_data_path("kvprep") / "store"


def default_key_path(store_id: str) -> Path:
    """Where a store's key file lies unless told otherwise: outside the store."""
    return platformdirs.user_config_path("kvprep") / "keys" / f"{store_id}.key"
