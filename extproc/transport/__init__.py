"""gRPC in and out: carries bytes between Envoy and sessions. One file per transport, and `http2` for our own."""
