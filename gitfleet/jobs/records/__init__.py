"""What is kept of jobs on this machine: their records, where each lies, and how long."""
