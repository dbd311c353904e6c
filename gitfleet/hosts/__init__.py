"""Other machines: which ones are meant, and one ssh connection to each, over which a program of ours answers.

The system's OpenSSH does the connecting, so the user's configuration, keys, agents, certificates and jump hosts count
as they do for every other ssh. What runs on a host is the package `onhost`, installed there or sent along; what it is
asked, and what its answers mean, is the business of those who ask.
"""
