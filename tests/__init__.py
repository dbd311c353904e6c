"""The suite; it mirrors the package. `workbench` holds what its fixtures hand out."""

import sys

sys.dont_write_bytecode = False  # or else each worker compiles all anew, in twenty seconds
