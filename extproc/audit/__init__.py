"""The audit trail: workers append entries, the shipper merges them into events and exports spans (design D9)."""
