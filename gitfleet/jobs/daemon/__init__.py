"""The manager that runs the jobs of a state directory, as other processes meet it: who it is, what they ask of it, how one is started."""
