"""Envoy's configuration as plain values, one file per part, and the files that Envoy watches.

Rendered as dicts in the proto's JSON form; Envoy itself is the type checker (`validate`, and unknown fields are
refused at run time). docs/decisions/0003 says why no message classes stand between. What each choice is for, and what
fails without it, was tried on Envoy 1.40; comments name the trial.
"""
