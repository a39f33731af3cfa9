"""Messages generated from `proto/` by `scripts/proto`; `wire` and the transports are their only users."""
