"""Nothing that looks like a secret leaves a host, by any profile; and what may leave can still be read."""

from __future__ import annotations

import itertools
import json
import re
import shlex

import pytest

from gitfleet.onhost import secret_words
from gitfleet.onhost.redaction import FORENSIC, MINIMAL, PROFILES, SAFE, Redactor

KEY = b"k" * 32
USER, HOME = "adalovelace", "/home/adalovelace"


def hides(profile: str, key: bytes = KEY) -> Redactor:
    return Redactor(profile, key, user=USER, home=HOME)


# secret -> command lines around it
SHAPED = [
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAY34FZKBOKMUTVV7A",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "github_pat_11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ0123456789",
    "glpat-xYz12AbC34dEfGh56IjK",
    "sk-proj-T3BlbkFJabcdefghijklmnop1234567890",
    "sk-ant-api03-AAAAbbbbCCCCddddEEEEffff",
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy",
    "AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    "npm_abcdefghijklmnopqrstuvwxyz0123456789",
    "hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345",
    "5f4dcc3b5aa765d61d8327deb882cf99",
    "9b74c9897bac770ffc029102a200c5de7f3a2b1c",
    "Xk9vQz2LmN8pRt4WyB7cD1fG",
    "dGhpcyBpcyBhIHNlY3JldCBrZXkgZm9yIHlvdQ==",
]
PLACES = [
    "node server.js {}", "node server.js --config {}", "node server.js --config={}", "KEY={} node server.js",
    "env A={} sh -c 'node server.js'", "sh -c 'FOO={} node server.js'", "bash -c \"curl -H 'X-Thing: {}' localhost\"",
    "curl https://api.example.com/v1/{}/x", "curl https://api.example.com/?q={}", "/opt/{}/bin/run start",
    "python -c 'x = \"{}\"; go(x)'", "node -e 'go(\"{}\")'", "vite --port 3000 --{}", "node dist/{}.js",
    "a title with {} in it",
]  # fmt: skip


@pytest.mark.parametrize("secret", SHAPED, ids=lambda secret: secret[:12])
def test_secret_of_a_known_or_random_shape_leaves_by_no_profile(secret: str) -> None:
    for line, profile in itertools.product(PLACES, PROFILES):
        told, text = hides(profile), line.format(secret)
        words = [text] if line.startswith("a title") else shlex.split(text)
        shown = (
            told.command(words),
            told.path(f"/srv/{secret}/app"),
            told.text(f"it holds /srv/{secret}/x open"),
        )
        for one in shown:
            assert secret not in one, (line, profile)
            parts = [part for part in re.split(r"[/=]", secret) if len(part) > 10]
            assert not any(part in one for part in parts), (line, profile)


PLAIN = "correct-horse"  # nothing gives it away but where it stands
NAMED = [
    "mysqld --password {}", "mysqld --password={}", "app --db-password {}", "app --api-key {}", "app --apikey={}",
    "app --access_token={}", "app -token {}", "app --auth {}", "app --client-secret {}", "app --passphrase {}",
    "PASSWORD={} app", "DB_PASSWORD={} app", "env API_KEY={} app", "sh -c 'TOKEN={} app'", "sh -c 'app --password {}'",
    "MYSQL_PWD={} mysql", "mysql -u root -p{}", "mysqldump -p{} db", "sshpass -p {} ssh host", "sshpass -p{} ssh host",
    "curl -u ada:{} http://x", "curl --user ada:{} http://x", "curl -H 'Authorization: Bearer {}' http://x",
    "curl --header 'Authorization: Basic {}' http://x", "curl --oauth2-bearer {} http://x", "curl -b session={} http://x",
    "psql postgres://ada:{}@db/shop", "app --url=https://ada:{}@host/x", "app redis://:{}@host:6379/0",
    "git clone https://{}@github.com/a/b", "DATABASE_URL=postgres://u:{}@h/d app", "app --dsn {}", "app --jwt {}",
    "java -Dapi.key={} -jar a.jar", "java -Dspring.pass={} -jar a.jar", "mongodump -u ada -p {}", "sqlcmd -P {}", "lftp -u ada,{} h",
    "ipmitool -P {}", "mosquitto_sub -P {}", "snmpget -A {} h", "app --sas {}", "app --cookie {}", "app --webhook {}", "curl 'http://x/?token={}'", "app password={}", "app token:{}",
    "app --private-key {}", "app --secret-key={}", "docker login --password {}", "app 'password = {}'",
    "/srv/password={}/bin/app", "curl --user=ada:{} http://x", "mount -o username=x,password={} //h/s",
    "app --connection 'Server=x;User Id=sa;Password={};Encrypt=no'", "app --opts=a=1,token={},b=2", "curl -d '{{\"password\":\"{}\"}}' x",
    "java -Dspring.datasource.password={} -jar x.jar", "app jdbc:postgresql://h/db?user=u&password={}", "curl -H Authorization:{} x",
    "curl -H 'Authorization:Basic {}' x", "hey -H 'Cookie: a=b; c={}' x", "ab -H 'X-Api-Key: {}' x", "redis-cli -a {}",
    "http_proxy=http://ada:{}@h:3128 app", "docker run -e TOKEN={} image", "app '--header=Authorization: Bearer {}'",
    "app --env '{{\"GITHUB_TOKEN\": \"{}\", \"A\": \"b\"}}'", "app '{{\"secretAccessKey\":\"{}\"}}'", "app '{{\"key\": \"{}\"}}'",
    "app '{{\"authorization\":\"Bearer {}\"}}'", "app '{{\"private_key\":\"{}\"}}'",
    "helm install --set-string auth.secret={} x", "app --auth=ada:{}", "docker run --env=SECRET={} x", "docker login -u a -p {}",
    "app --dbpw={}", "app --config={{password:{}}}", "app '{{a:1,password:{}}}'", "app 'password is {}'", "app --password= {}",
    "app 'AccountName=x;AccountKey={}'", "openssl enc -k {}", "zip -P {} x", "7z x -p{} a.7z", "ldapsearch -w {} x", "vault login {}",
    "aws configure set aws_secret_access_key {}", "npm config set //registry.npmjs.org/:_authToken {}",
    "npm config set //registry.npmjs.org/:_authToken={}", "watch 'curl -u a:{} x'", "app \u2014password {}", "app -\u2013password={}",
    "app --userpass ada:{}", "app ada:{}@host", "rsync ada:{}@host::m x", "app //ada:{}@host/x", "curl https://hooks.slack.com/services/T0/B0/{}",
    "curl https://discord.com/api/webhooks/1/{}", "app '-----BEGIN RSA PRIVATE KEY----- {} -----END RSA PRIVATE KEY-----'",
]  # fmt: skip


@pytest.mark.parametrize("line", NAMED)
def test_secret_that_only_its_name_tells_leaves_by_no_profile(line: str) -> None:
    words = shlex.split(line.format(PLAIN))
    for profile in PROFILES:
        assert PLAIN not in hides(profile).command(words), profile


@pytest.mark.parametrize("piece", ["[", "a={", "a:{", "a=b,", "a:b@", "//a:", "\u2014", "{'a':", "x_token="])
def test_word_of_any_depth_is_told_in_a_line(piece: str) -> None:
    for profile in PROFILES:
        assert len(hides(profile).command(["app", piece * 5000])) <= 400


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    "word",
    [HOME, f"{HOME}/shop/server.js", f"--config={HOME}/x", "/home/grace/x", "/Users/grace/x", f"--as={USER}", f"{USER}@host",
     f"/srv/{USER}-files/x", f"sh -c 'ls {HOME}/x /home/grace'"],
)  # fmt: skip
def test_names_of_users_and_home_folders_leave_by_no_profile(profile: str, word: str) -> None:
    told = hides(profile)
    for shown in (told.command(["node", *shlex.split(word)]), told.path(word), told.text(f"in {word}")):
        assert USER not in shown
        assert "grace" not in shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("node server.js", "node server.js"),
        (
            "/usr/bin/node /srv/node_modules/.bin/vite --port 3000",
            "node /srv/node_modules/.bin/vite --port 3000",
        ),
        ("npm run dev", "npm run dev"),
        ("python3.11 -m pytest -n 4", "python3.11 -m pytest -n #"),
        ("sh -c 'vite dev --host 0.0.0.0'", "sh -c 'vite dev --host 0.0.0.0'"),
        ("node payroll.js --customer acme", "node # -#  #".replace("  ", " ")),
        ("/opt/acme/bin/acmed --fast", "# -#"),
        ("npm run dev 4711 -p 3000 --port=3001 PORT=3002", "npm run dev # -p 3000 --port=3001 PORT=3002"),
        ("node http://localhost:3000/acme", "node http://localhost:3000"),
        ("node https://acme.example/x", "node https://#"),
    ],
)
def test_safe_keeps_what_signatures_know_and_hashes_the_rest(line: str, shown: str) -> None:
    told = re.sub(r"h-[0-9a-f]{8}", "#", hides(SAFE).command(shlex.split(line)))
    assert told == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("node payroll.js --customer acme --port 3000", "node payroll.js --customer acme --port 3000"),
        (f"{HOME}/.local/bin/acmed --config={HOME}/acme.toml", "~/.local/bin/acmed --config=~/acme.toml"),
        ("psql postgres://ada:pw@db.acme.example/shop?x=1", "psql postgres://db.acme.example/shop"),
        ("jest --runInBand src/billing/invoice.test.ts", "jest --runInBand src/billing/invoice.test.ts"),
        ("my-long-project-name-server --verbose-logging", "my-long-project-name-server --verbose-logging"),
        ("/srv/worktrees/codex-7h3k9q2m/node_modules/.bin/next dev", "/srv/worktrees/codex-7h3k9q2m/node_modules/.bin/next dev"),
        ("python -m playwright.__main__ run-server", "python -m playwright.__main__ run-server"),
        ("java -XX:+UseG1GC -Xmx512m -jar target/app-1.2.3-SNAPSHOT.jar", "java -XX:+UseG1GC -Xmx512m -jar target/app-1.2.3-SNAPSHOT.jar"),
    ],
)  # fmt: skip
def test_forensic_keeps_plain_words_whole(line: str, shown: str) -> None:
    assert hides(FORENSIC).command(shlex.split(line)) == shown


def test_minimal_tells_neither_command_nor_folder() -> None:
    assert (hides(MINIMAL).command(["node", "server.js"]), hides(MINIMAL).path("/srv/app")) == ("", "")


def test_hash_is_the_same_within_a_fleet_and_another_in_another() -> None:
    here, there, without = hides(SAFE), hides(SAFE, b"x" * 32), hides(SAFE, b"")
    assert here.digest("acme") == hides(SAFE).digest("acme")
    assert here.digest("acme") != there.digest("acme")
    assert without.digest("acme") == without.digest("other") == "***"


@pytest.mark.parametrize("profile", PROFILES)
def test_whatever_comes_is_shown_in_one_short_line_without_escapes(profile: str) -> None:
    told = hides(profile)
    words = [
        "node",
        "\x1b[31mred\x1b[0m",
        "two\nlines",
        "bell\x07",
        "right\u202eleft",
        "\udcff\udcfe",
        "a" * 100_000,
        *["x"] * 5000,
    ]
    for shown in (told.command(words), told.path("/a/\x1b]0;x\x07/b\n"), told.text("\x1b[2J " * 1000)):
        assert len(shown) <= 400
        json.dumps(shown).encode("ascii")
        assert not any(
            ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in shown
        )
        assert "\u202e" not in shown


@pytest.mark.parametrize(
    "word",
    [
        "typescript-language-server", "webpack-dev-server", "node_modules", "http.server", "--experimental-vm-modules",
        "ipykernel_launcher", "/usr/lib/x86_64-linux-gnu", "codex-7h3k9q2m", "chrome_crashpad_handler", "docker-compose.yml",
        "--max-old-space-size=8192", "multiprocessing.resource_tracker", "kernel-12345", "app-1.2.3-SNAPSHOT",
        "test_provenance_of_workers", "TypeScriptLanguageService", "2026-11-30T11:45:00", "conventional-commits-parser",
    ],
)  # fmt: skip
def test_plain_word_is_not_taken_for_a_secret(word: str) -> None:
    assert not secret_words.holds(word)


@pytest.mark.parametrize(
    "name", ["--token", "API_KEY", "--db-password", "AWS_SECRET_ACCESS_KEY", "passwd", "--key", "--pin"]
)
def test_name_of_a_secret_is_known(name: str) -> None:
    assert secret_words.named(name)


@pytest.mark.parametrize(
    "name", ["--passive", "--keyboard", "--monkey-patch", "PATH", "--compass", "--keep", "--typing"]
)
def test_name_that_only_sounds_like_one_is_not(name: str) -> None:
    assert not secret_words.named(name)
