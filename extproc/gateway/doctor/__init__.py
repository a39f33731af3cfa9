"""What may keep a gateway from serving, asked before it does: `kt doctor`.

Each check looks at one thing and returns one value; nothing here prints, changes anything, or raises for what it finds.

    machine     Python, Envoy, hyperscan, open files
    state       the state directory and the disk under it
    serving     port, certificate, policy-config, credentials
    telemetry   the collector
"""
