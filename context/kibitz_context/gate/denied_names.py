"""Names of files and folders that are never read, whatever they contain: data.

They hold credentials by custom.  No setting takes a name off this list.
"""

from __future__ import annotations

from functools import lru_cache

from kibitz_context.files.ignore_files import fold

# Whole names, in lower case.
_NAMES = frozenset(
    {
        ".boto",
        ".dockercfg",
        ".git-credentials",
        ".htpasswd",
        ".my.cnf",
        ".netrc",
        ".npmrc",
        ".pgpass",
        ".pypirc",
        ".s3cfg",
        ".vault-token",
        "_netrc",
        "application_default_credentials.json",
        "auth.json",
        "htpasswd",
        "kubeconfig",
        "master.key",
        "secrets.json",
        "secrets.toml",
        "secrets.yaml",
        "secrets.yml",
        "service-account.json",
        "service_account.json",
        "terraform.tfstate",
        "terraform.tfstate.backup",
        "token.json",
    }
)

_PREFIXES = (".env", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "client_secret")

# This begins the names of source files, too: then the ending says that it is one.
_PREFIX_UNLESS_SOURCE = "credentials"
# Keys of ssh have names like ``id_ed25519_work``, without an ending or with this one.
_SSH_PREFIX, _SSH_ENDING = "id_", "pub"

_SUFFIXES = (
    ".env",
    ".gpg",
    ".jks",
    ".kdb",
    ".kdbx",
    ".key",
    ".keychain",
    ".keystore",
    ".mobileprovision",
    ".ovpn",
    ".p12",
    ".p8",
    ".pem",
    ".pfx",
    ".pkcs12",
    ".ppk",
    ".tfvars",
    ".tfvars.json",
)

_FOLDERS = frozenset({".aws", ".azure", ".gnupg", ".kube", ".password-store", ".ssh"})

# (folder, file): denied only together.
_PLACES = frozenset({(".docker", "config.json"), ("gcloud", "credentials.db")})

_SOURCE_LANGUAGES = (
    "c cc clj cpp cs css cxx dart erl ex exs fs go h hpp hs html java jl js jsx kt lua m md ml "
    "mm php pl proto py pyi r rb rs rst scala scss sh sql svelte swift ts tsx vue zig"
)
_SOURCE_ENDINGS = frozenset(_SOURCE_LANGUAGES.split())


def denied_part(path: str) -> str | None:
    """The part of `path` (relative, ``/``) that is denied by its name, or None."""
    *folders, name = path.split("/")
    for folder in folders:
        if _plain(folder) in _FOLDERS:
            return folder
    if _is_denied_name(_plain(name)):
        return name
    if folders and (_plain(folders[-1]), _plain(name)) in _PLACES:
        return f"{folders[-1]}/{name}"
    return None


def is_git_folder(part: str) -> bool:
    """Whether a part of a path is git's own folder, in any spelling a file system accepts."""
    return _plain(part) in (".git", "git~1")


@lru_cache(maxsize=65_536)
def _plain(part: str) -> str:
    """`part` as the most forgiving file system reads it.

    Windows drops dots and spaces at the end and takes what follows a colon for a stream of the
    same file; macOS drops characters that cannot be seen.
    """
    if part.isascii():
        # All that is said below of letters is about others.
        return part.partition(":")[0].rstrip(". ").lower() or part
    visible = "".join(char for char in part if not _is_ignorable(char))
    return fold(visible.partition(":")[0].rstrip(". ")) or part


def _is_ignorable(char: str) -> bool:
    return (
        "\u200b" <= char <= "\u200f"
        or "\u202a" <= char <= "\u202e"
        or ("\u2060" <= char <= "\u206f" or char == "\ufeff")
    )


@lru_cache(maxsize=65_536)
def _is_denied_name(name: str) -> bool:
    if name in _NAMES or name.startswith(_PREFIXES) or name.endswith(_SUFFIXES):
        return True
    _, dot, ending = name.rpartition(".")
    if name.startswith(_SSH_PREFIX):
        return not dot or ending == _SSH_ENDING
    return name.startswith(_PREFIX_UNLESS_SOURCE) and (not dot or ending not in _SOURCE_ENDINGS)
