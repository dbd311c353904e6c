"""Acting on a host: each action is looked at once more, written down, done, verified, and can be asked about again.

Nothing here decides what is to be done: a plan says it. What is decided here is whether it still may be done.
"""
