"""Jobs that any node may run, and pools that are paused, as the whole fleet agrees on them."""
