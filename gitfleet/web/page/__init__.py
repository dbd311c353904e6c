"""The page: what a browser shows of the fleet. Views are made from the read model, rendered here, and patched as they change."""
