"""Access keys: made, stored as digests, watched by workers, looked up per request."""
