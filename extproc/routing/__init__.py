"""Which targets may carry a request, and in which order Envoy tries them. Pure; Envoy does the calling (design D4)."""
