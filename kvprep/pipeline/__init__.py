"""Ingest: the five stages joined."""

from kvprep.pipeline.ingest import IngestSettings, ingest
from kvprep.pipeline.model import load_engine, remembered_spec
from kvprep.pipeline.report import IngestReport

__all__ = ["IngestReport", "IngestSettings", "ingest", "load_engine", "remembered_spec"]
