"""The suite; it mirrors the package. `workbench` holds what its fixtures hand out."""
