"""Detectors: text in, hits out. Linear time on any input; nothing here knows requests, policies or configuration."""
