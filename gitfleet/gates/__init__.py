"""Gates: the commands that say whether a tree may land; where they run, and what the fleet knows of their verdicts."""
