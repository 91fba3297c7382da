"""Ingest: the five stages joined."""

from kvprep.pipeline.ingest import IngestReport, IngestSettings, ingest

__all__ = ["IngestReport", "IngestSettings", "ingest"]
