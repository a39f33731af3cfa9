"""policy-config.yaml to one frozen value, or every fault at once with file, line, column and path (design D10)."""
