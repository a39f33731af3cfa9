"""`kt gateway run`: renders Envoy's configuration and supervises Envoy, workers and shipper."""
