"""The suite; it mirrors the package. `workbench` holds what its fixtures hand out."""

import sys

sys.dont_write_bytecode = False  # or else each worker makes its code of each test anew, in half a minute
