"""Ingest: the five stages joined."""

from kvprep.pipeline.ingest import ingest
from kvprep.pipeline.model import load_engine, remembered_spec
from kvprep.pipeline.report import IngestReport
from kvprep.pipeline.settings import IngestSettings

__all__ = ["IngestReport", "IngestSettings", "ingest", "load_engine", "remembered_spec"]
