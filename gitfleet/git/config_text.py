"""Settings of git's as they stand in its files, for whoever has no time to ask git. Imports nothing, since hooks need it."""

OWN = b'[includeif "gitdir:/**"]\n\tpath = config.gitfleet\n'
"""What `githooks.config_file` puts into the config file that all worktrees share, in small letters."""


def may_name_session(text: bytes) -> bool:
    """Whether a config file may hold a setting of the fleet's, itself or by another file that it leads to."""
    said = text.lower().replace(OWN, b"")
    return b"[fleet" in said or b"[include" in said
