"""Every name below `refs/fleet`: the only module that spells it.

No path, branch or user text ever becomes part of a ref name. Imports nothing, since hooks need it.
"""

ROOT = "refs/fleet/"
COORD = "refs/fleet/coord"
NODES = "refs/fleet/nodes/"
BULK = "refs/fleet/bulk/"
JOBS = "refs/fleet/jobs/"
STREAMS = "refs/fleet/streams/"
PLANS = "refs/fleet/plans/"
PROBE = "refs/fleet/probe/"
HUB = "refs/fleet-hub/"
ARCHIVE = "refs/fleet-archive/"


def node(node_id: str) -> str:
    """The ref that the node `node_id` alone writes."""
    return NODES + node_id


def bulk(node_id: str, name: str) -> str:
    """The ref of one archive of a node; both are names that `base.ids.is_name` has allowed. With "" the beginning of all."""
    return f"{BULK}{node_id}/{name}"


def jobs(node_id: str) -> str:
    """The ref in which a node tells of its jobs that have ended."""
    return JOBS + node_id


def streams(node_id: str) -> str:
    """The ref behind which the streams of these jobs are."""
    return STREAMS + node_id


def plan(fleet_session: str) -> str:
    """The ref of one plan over hosts; its id is of a form that says what it is (`triage.shapes`)."""
    return PLANS + fleet_session


def seen(remote: str) -> str:
    """Where this clone keeps what it last saw of the hub `remote`."""
    return f"{HUB}{remote}/"


def seen_coord(remote: str) -> str:
    """The hub's ledger as it was last seen."""
    return f"{HUB}{remote}/coord"


def seen_head(remote: str) -> str:
    """A name that nothing is ever kept under: fetches ask what the hub's HEAD is, and bring nothing of it."""
    return f"{HUB}{remote}/HEAD"


def seen_probe(remote: str) -> str:
    """What an earlier try of the hub could not take away there, for the time of the next one."""
    return f"{HUB}{remote}/probe/"


def seen_trunk(remote: str) -> str:
    """The hub's trunk as it was last seen."""
    return f"{HUB}{remote}/trunk"


def seen_base(remote: str, key: str) -> str:
    """A branch of the hub other than the trunk as it was last seen; `key` is a hash of its name."""
    return f"{HUB}{remote}/bases/{key}"


def seen_live(remote: str, key: str) -> str:
    """A branch of the hub that the radar looks at, as it was last seen; `key` is a hash of its name, or "" for all."""
    return f"{HUB}{remote}/live/{key}"


def seen_nodes(remote: str) -> str:
    """The hub's node refs as they were last seen, each followed by the node's id."""
    return f"{HUB}{remote}/nodes/"


def seen_bulk(remote: str, node_id: str, name: str) -> str:
    """An archive of this clone's own that the hub was seen to have; with "" the beginning of all."""
    return f"{HUB}{remote}/bulk/{node_id}/{name}"


def seen_jobs(remote: str) -> str:
    """What nodes tell of their jobs on the hub, as it was last seen; each followed by the node's id."""
    return f"{HUB}{remote}/jobs/"


def seen_streams(remote: str, node_id: str) -> str:
    """The streams of this node as the hub was last seen to have them."""
    return f"{HUB}{remote}/streams/{node_id}"


def seen_plan(remote: str, fleet_session: str) -> str:
    """A plan over hosts as it was last seen on the hub; with "" the beginning of all."""
    return f"{HUB}{remote}/plans/{fleet_session}"


def kept(oid: str) -> str:
    """A local ref that keeps a ledger tip which a repair replaced."""
    return f"{HUB}kept/{oid}"


def archive(archive_id: str) -> str:
    """The local ref that keeps an archived worktree; the id is a name that `base.ids.is_name` has allowed."""
    return ARCHIVE + archive_id
