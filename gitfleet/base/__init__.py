"""Names, clock, processes, files and locks, resources: what every layer stands on."""
