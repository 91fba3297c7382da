"""Settings: kvprep.toml < environment < flags. Frozen, one record a subject, every wrong one named."""

from kvprep.config.files import FILE_NAME, read_settings, read_store_settings
from kvprep.config.sections import (
    AskSection,
    GcSection,
    IngestSection,
    ModelSettings,
    PricesSection,
    Settings,
    TtlSection,
    override,
)
from kvprep.config.template import TEMPLATE
from kvprep.config.values import CODECS, DAY_SECONDS, MOST_PRICE, parse_duration, parse_price, parse_size

__all__ = [
    "CODECS",
    "DAY_SECONDS",
    "FILE_NAME",
    "MOST_PRICE",
    "TEMPLATE",
    "AskSection",
    "GcSection",
    "IngestSection",
    "ModelSettings",
    "PricesSection",
    "Settings",
    "TtlSection",
    "override",
    "parse_duration",
    "parse_price",
    "parse_size",
    "read_settings",
    "read_store_settings",
]
