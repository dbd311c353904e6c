"""The stream of an attempt: each line that an agent wrote, in order, with what it means; for any number of readers."""
