#!/bin/sh
# cronsim 2.8, in a zone whose summer time shifts by half an hour (Australia/Lord_Howe), and hours given as `*` or `*/N`:
# - Clocks back on 2026-04-05 (02:00+11:00 becomes 01:30+10:30): `0 */2 * * *` has no 02:00, though 02:00 comes exactly once that day.
#   `0 2 * * *` has it.
# - Clocks forward on 2026-10-04 (02:00+10:30 becomes 02:30+11:00): `45 * * * *` goes from 01:45 to 03:45, though 02:45 exists.
#   `45 1,2 * * *` has it.
# - croniter 7.0.0 has the times in all four cases.
# A good guess was that a time which exists once is never left out, and that `*/2` and a list of the same hours agree.
# Output seen: `back: 00:00 04:00 (list: 00:00 02:00, croniter: 00:00 02:00); forward: 01:45 03:45 (list: 01:45 02:45, croniter: 01:45 02:45)`.
set -eu
command -v python3 >/dev/null || { echo "needs python3"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check cronsim==2.8 croniter==7.0.0 tzdata 2>/dev/null
told=$("$work/venv/bin/python" - <<'EOF'
from datetime import datetime
from zoneinfo import ZoneInfo
from croniter import croniter
from cronsim import CronSim

ZONE = ZoneInfo("Australia/Lord_Howe")


def first(expression, start, many=2):
    times = CronSim(expression, start)
    return " ".join(next(times).strftime("%H:%M") for _ in range(many))


def by_croniter(expression, start, many=2):
    times = croniter(expression, start)
    return " ".join(times.get_next(datetime).strftime("%H:%M") for _ in range(many))


back = datetime(2026, 4, 4, 23, 50, tzinfo=ZONE)
forward = datetime(2026, 10, 4, 0, 50, tzinfo=ZONE)
print(
    f"back: {first('0 */2 * * *', back)} (list: {first('0 0,2 * * *', back)}, croniter: {by_croniter('0 */2 * * *', back)}); "
    f"forward: {first('45 * * * *', forward)} (list: {first('45 1,2 * * *', forward)}, croniter: {by_croniter('45 * * * *', forward)})"
)
EOF
)
echo "$told"
expected="back: 00:00 04:00 (list: 00:00 02:00, croniter: 00:00 02:00); forward: 01:45 03:45 (list: 01:45 02:45, croniter: 01:45 02:45)"
[ "$told" = "$expected" ] || { echo "this has changed"; exit 1; }
