"""Reports as pages: one HTML file each, whole in itself, without a script and without anything that is loaded."""
