"""What of a process may leave the host, by the profile that the asker has chosen. Nothing is sent that has not been through here.

minimal: signature and numbers only. safe: words that are known from signatures; of paths only such words; the rest as a keyed
hash, so that equal words stay equal within a fleet and say nothing outside of it. forensic: full words, except what looks like a
secret; names of users and home folders are never in it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import shlex
from typing import Iterator, Sequence

from gitfleet.onhost import secret_words, vocabulary
from gitfleet.onhost.call_data import SHELLS

MINIMAL, SAFE, FORENSIC = "minimal", "safe", "forensic"
PROFILES = (MINIMAL, SAFE, FORENSIC)

HIDDEN = "***"
LONGEST = 400
_WORDS = 60

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)")
_OPTION = re.compile(r"(--?[A-Za-z][A-Za-z0-9_.-]*)(?:([=:])(.*))?\Z", re.DOTALL)
_ASSIGNED = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)([=:])(.*)\Z", re.DOTALL)
_HOME = re.compile(r"(?:/home|/Users|/export/home|/var/home)/[^/\s:]+")
_PORT = re.compile(r"[0-9]{1,5}\Z")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_GLUED = {
    "mysql": "-p",
    "mysqldump": "-p",
    "mariadb": "-p",
    "mysqladmin": "-p",
    "sshpass": "-p",
    "curl": "-u",
    "wget": "-u",
    "7z": "-p",
    "7za": "-p",
    "7zz": "-p",
    "rar": "-p",
    "unrar": "-p",
}
_SECRET_NEXT = {
    "docker login": ("-p",),
    "podman login": ("-p",),
    "helm login": ("-p",),
    "vault": ("login",),
    "openssl": ("-k", "-K"),
    "zip": ("-P",),
    "unzip": ("-P",),
    "ldapsearch": ("-w",),
    "ldapmodify": ("-w",),
    "ldapadd": ("-w",),
    **dict.fromkeys(
        ("mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "ncftp", "rdesktop"),
        ("-p",),
    ),
    **dict.fromkeys(("sqlcmd", "ipmitool", "mosquitto_sub", "mosquitto_pub"), ("-P",)),
    **dict.fromkeys(("snmpget", "snmpwalk", "snmpset", "snmptrap"), ("-A", "-X", "-c")),
    "lftp": ("-u",),
}
"""What a program is told a secret by, which means something else to others."""
_DASHES = "\u2013\u2014\u2212"
"""What word processors make of the dashes of an option."""
_FILLERS = frozenset(("=", ":", "==", ":=", "=>", "is", "was", "to", "as", "bearer", "basic"))
_SET = ([":"], ["="], [":="], ["=>"])
"""What stands between a name and its value, where both are words of their own."""
_USERINFO = re.compile(r"(?:(?<=\A)|(?<=//))(?!(?:npm|jsr|workspace|file):)[^/\s:@]+:[^@\s/]+@(?!sha256:)")
"""Name and password before a host without a scheme."""
_CREDENTIAL = frozenset(("--user", "--proxy-user", "--header", "--cookie", "--data"))
_SHORT_CREDENTIAL = frozenset(("-u", "-U", "-H", "-b", "-d", "-a", "-A"))
_TAKES_CREDENTIALS = frozenset(
    (
        "curl",
        "wget",
        "http",
        "https",
        "xh",
        "psql",
        "mysql",
        "redis-cli",
        "mongo",
        "mongosh",
        "ldapsearch",
        "ab",
        "hey",
        "wrk",
    )
)
_SEVERAL = re.compile(r"([,;&])")
_HEADER = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]*)\s*:")
_PORTS = frozenset(("--port", "-p", "-P", "--inspect", "--inspect-brk", "http.server", "runserver", "PORT"))
"""After these a number is a port; any other one may be a secret."""
_CODE = frozenset(("-c", "-e", "--eval", "--print", "-pe"))


class Redactor:
    """Redacts for one profile, with the fleet's key (empty: hidden words are not even told apart)."""

    def __init__(self, profile: str, key: bytes, *, user: str = "", home: str = "") -> None:
        if profile not in PROFILES:
            raise ValueError("no such profile")
        self.profile, self._key = profile, key
        self._home = home if home not in ("", "/") else ""
        self._user = user if len(user) > 2 and user != "root" else ""

    def digest(self, word: str) -> str:
        """What stands for a word: equal within a fleet, and nothing to guess from."""
        if not self._key:
            return HIDDEN
        found = hmac.new(self._key, word.encode("utf-8", "surrogateescape"), hashlib.sha256)
        return "h-" + found.hexdigest()[:8]

    def command(self, words: Sequence[str]) -> str:
        """A command line, at most `LONGEST` characters of it. Empty with minimal."""
        if self.profile == MINIMAL:
            return ""
        shown = list(self._command(list(words[:_WORDS]), 0))
        if len(words) > _WORDS:
            shown.append("…")
        return _fit(" ".join(shown))

    def path(self, path: str | None) -> str:
        """A folder or file, empty with minimal."""
        if self.profile == MINIMAL or not path:
            return ""
        return _fit(self._path(path))

    def text(self, text: str) -> str:
        """A sentence of our own that names paths or programs; words that are no secret stay with every profile but paths do not."""
        return _fit(
            " ".join(self._path(word) if "/" in word else self._plain(word) for word in text.split(" "))
        )

    def name(self, name: str) -> str:
        """The name of a program or a script: known ones stay."""
        known = vocabulary.known(name) and not secret_words.SHAPES.search(name)
        return _fit(name if known else self._word(name) if self.profile == FORENSIC else self.digest(name))

    # a command line, word by word

    def _command(self, words: Sequence[str], depth: int) -> Iterator[str]:
        program = words[0].rpartition("/")[2].lstrip("-") if words else ""
        glued = _GLUED.get(program, "")
        hide = code = False
        asked = f"{program} login" if words[1:2] == ["login"] and program != "vault" else program
        sentence = words[:1] == [""]
        for number, given in enumerate(words):
            word = _plain_dashes(given)
            if sentence and (word in _TAKES_CREDENTIALS or word in _GLUED):
                asked, glued = word, _GLUED.get(word, "")
            if hide:
                hide = word.lower() in _FILLERS
                yield word if hide else HIDDEN
            elif code:
                code = False
                yield self._code(word, program, depth)
            elif glued and word.startswith(glued) and len(word) > len(glued) and not word.startswith("--"):
                yield glued + HIDDEN
            else:
                port = _PORT.match(word) and number and words[number - 1] in _PORTS
                yield word if port else self._program(word) if number == 0 else self._argument(word)
                hide = bool(glued and word == glued) or _introduces(word, asked)
                hide = hide or (words[number + 1 : number + 2] in _SET and secret_words.named(word))
                code = word in _CODE and number > 0

    def _program(self, word: str) -> str:
        if _ASSIGNED.match(word):
            return self._argument(word)
        if " " in word:  # a title that a program has given itself
            return " ".join(self._command([one for one in word.split(" ") if one], 1))
        _folder, slash, name = word.rpartition("/")
        if self.profile == FORENSIC:
            return self._path(word) if slash else self._word(word)
        return ("-" if name.startswith("-") else "") + self.name(name.lstrip("-"))

    def _code(self, word: str, program: str, depth: int) -> str:
        """A program text as an argument: of a shell's, the words; of others nothing, since anything may be in it."""
        if depth < 2 and program in SHELLS and len(word) <= 1000:
            try:
                inner = shlex.split(word)
            except ValueError:
                inner = []
            if inner:
                return "'" + " ".join(self._command(inner[:_WORDS], depth + 1)) + "'"
        return self.digest(word)

    def _argument(self, word: str) -> str:
        word = _USERINFO.sub(HIDDEN + "@", word)
        inner = word.lstrip("{[(")
        if self.profile == FORENSIC and inner and inner != word and not any(map(str.isspace, word)):
            return word[: -len(inner)] + self._argument(inner)
        option = _OPTION.match(word)
        if option:
            name, sign, value = option.group(1), option.group(2), option.group(3)
            shown = name if self._may_show(name) else "-" + self.digest(name)
            if value is None:
                return shown
            return shown + sign + self._named_value(name, value)
        assigned = _ASSIGNED.match(word)
        if assigned and not _URL.match(word):
            name, sign, value = assigned.groups()
            shown = name if self._may_show(name) else self.digest(name)
            return shown + sign + self._named_value(name, value)
        return self._value(word)

    def _named_value(self, name: str, value: str) -> str:
        """What an option or a variable is set to. There may be several more in it: `a=1,password=2`."""
        if secret_words.named(name) or name in _CREDENTIAL:
            return HIDDEN
        if name in _PORTS and _PORT.match(value):
            return value
        if value.count("=") + value.count(":") > _WORDS:
            return self.digest(value)  # deeper than anybody reads
        nested = _ASSIGNED.match(value)
        if value[:1] in ("{", "[", "(") or (
            nested and nested.group(2) == "=" and secret_words.named(nested.group(1))
        ):
            return self._argument(value)
        parts = _SEVERAL.split(value)
        several = any("=" in part or ":" in part for part in parts[1:])
        if len(parts) == 1 or _URL.match(value) or not several:
            return self._value(value)
        return self._value(parts[0]) + "".join(
            part if number % 2 == 0 else self._argument(part) for number, part in enumerate(parts[1:])
        )

    def _may_show(self, name: str) -> bool:
        if secret_words.holds(name):
            return False
        return self.profile == FORENSIC or vocabulary.known(name)

    def _value(self, word: str) -> str:
        """What is neither an option's nor a variable's name."""
        if _PORT.match(word):
            return word if self.profile == FORENSIC else self.digest(word)
        url = _URL.match(word)
        if url:
            return self._url(url)
        if any(sign in word for sign in " \t\n\"'"):
            return self._sentence(word)
        if "/" in word:
            return self._path(word)
        if self.profile == FORENSIC:
            return self._word(word)
        return word if vocabulary.known(word) and not secret_words.holds(word) else self.digest(word)

    def _sentence(self, word: str) -> str:
        """Several words in one argument: a prompt, a header, a template. Full only with forensic, word by word."""
        if self.profile != FORENSIC:
            return self.digest(word)
        if "-----BEGIN" in word:
            return HIDDEN
        header = _HEADER.match(word)
        if header and secret_words.named(header.group(1)):
            return HIDDEN
        return "'" + " ".join(self._command(["", *re.split(r"[\s\"']+", word)[:_WORDS]], 2)).strip() + "'"

    def _url(self, url: re.Match[str]) -> str:
        """A URL without user, password, query and fragment, which is where secrets are."""
        scheme, host, path = url.groups()
        host = host.rpartition("@")[2]
        local = host.partition(":")[0] in ("localhost", "127.0.0.1", "0.0.0.0", "[")  # noqa: S104 - a word to compare
        if path and (host.lower() == "hooks.slack.com" or "webhook" in path.lower()):
            path = "/" + HIDDEN
        if self.profile == FORENSIC:
            return "{}://{}{}".format(scheme, self._word(host), self._path(path) if path else "")
        return f"{scheme}://{host if local and not secret_words.holds(host) else self.digest(host)}"

    # paths and words

    def _path(self, path: str) -> str:
        path = _UNSEEN.sub("�", path)
        if self._home and (path == self._home or path.startswith(self._home + "/")):
            path = "~" + path[len(self._home) :]
        path = _HOME.sub("~", path)
        if secret_words.holds(path) and not any(map(secret_words.holds, path.split("/"))):
            return self.digest(path)  # one with slashes in it
        return "/".join(self._part(part) for part in path.split("/"))

    def _part(self, part: str) -> str:
        if part in ("", ".", "..", "~"):
            return part
        if self.profile == FORENSIC:
            assigned = _ASSIGNED.match(part.lstrip(":"))
            if assigned and secret_words.named(assigned.group(1)):
                return assigned.group(1) + assigned.group(2) + HIDDEN
            return self._word(part)
        return part if vocabulary.known(part) else self.digest(part)

    def _word(self, word: str) -> str:
        if secret_words.holds(word):
            return self.digest(word)
        return self._plain(word)

    def _plain(self, word: str) -> str:
        word = _UNSEEN.sub("�", word)
        if secret_words.SHAPES.search(word):
            return self.digest(word)
        if self._user and self._user.lower() in word.lower():
            return re.sub(re.escape(self._user), "~user", word, flags=re.IGNORECASE)
        return word


def _plain_dashes(word: str) -> str:
    """An option as it was meant."""
    return "--" + word.lstrip("-" + _DASHES) if word.lstrip("-")[:1] in tuple(_DASHES) else word


def _introduces(word: str, program: str) -> bool:
    """Whether what follows a word is a secret."""
    option = _OPTION.match(word)
    if option and not option.group(3) and secret_words.named(option.group(1)):
        return True
    short = (program in _TAKES_CREDENTIALS and word in _SHORT_CREDENTIAL) or word in _SECRET_NEXT.get(
        program, ()
    )
    return short or word in _CREDENTIAL or secret_words.introduces(word)


def _fit(text: str) -> str:
    text = _UNSEEN.sub("�", text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
