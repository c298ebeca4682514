#!/usr/bin/python3
"""Who may know whom:

  layers.py includes    arrows run from the processes to the libraries and from
                        them to lib-migration; foreign libraries stay in the one
                        module that is for them
  layers.py conditions  no #if outside of src/compat and the glue
  layers.py switches    no "default:" in a switch over an enum of our own
  layers.py headers     names, guards and first lines of files
"""

import re
import sys
from collections import Counter
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
SRC = TOP / "src"
# Of our libraries besides lib-migration, who may include what.
ALLOWED = {
    "lib-migration": set(),
    "lib-migration-store": set(),
    "lib-migration-seal": set(),
    "lib-migration-probe": set(),
    "lib-migration-follow": set(),
    "settings": set(),
    "auth": {"migration-probe.h", "migration-seal.h"},
    "queue": {"migration-store.h"},
    "worker": {"migration-follow.h", "migration-remote.h",
               "migration-unseal.h", "migration-verify.h"},
    "doveadm": {"migration-keygen.h", "migration-keyring.h",
                "migration-postfixadmin.h", "migration-seal.h",
                "migration-store.h", "migration-unseal.h"},
}
# Foreign headers that have a home.
HOMES = {
    "curl/": "lib-migration-probe",
    "openssl/": "lib-migration-seal",
    # the store has it from there
    "sql-api.h": "compat",
}
# Where Dovecot's versions may be told apart besides src/compat: the glue.
CONDITIONS = {
    "auth/migration-auth-compat.c",
    "auth/migration-auth-compat.h",
    "auth/passdb-migration.c",
    "doveadm/doveadm-migration-compat.c",
    "settings/migration-services.c",
    "settings/migration-settings-module.c",
}
# Switches over somebody else's values: file and how many.
DEFAULTS = {
    # CURLcode
    "lib-migration-probe/migration-probe.c": 1,
    # a character
    "lib-migration/migration-provider.c": 1,
}

problems = []


def source_files():
    return sorted(SRC.rglob("*.[ch]"))


def check_includes():
    homes = {file.name: file.parent.name for file in SRC.rglob("*.h")}
    for file in source_files():
        part = file.parent.name
        for header in re.findall(r'^#include [<"]([^>"]+)[>"]',
                                 file.read_text(), re.M):
            for prefix, home in HOMES.items():
                if header.startswith(prefix) and part != home:
                    problems.append(f"{part}/{file.name}: {header} belongs to "
                                    f"{home} only")
            home = homes.get(header)
            if part == "compat" and home not in (None, part):
                problems.append(f"compat/{file.name} must not know "
                                f"{header} of {home}")
                continue
            if home in (None, part, "lib-migration", "compat"):
                continue
            if header not in ALLOWED[part]:
                problems.append(f"{part}/{file.name} must not include "
                                f"{header} of {home}")


def check_conditions():
    """What differs between versions is in the places that are for it."""
    for file in source_files():
        name = str(file.relative_to(SRC))
        if file.parent.name == "compat" or name in CONDITIONS:
            continue
        found = re.findall(r"^#\s*if.*", file.read_text(), re.M)
        # the first one of a header is its guard
        for condition in found[file.suffix == ".h":]:
            problems.append(f"{name}: {condition} belongs to src/compat")


def check_switches():
    found = Counter()
    for file in source_files():
        count = len(re.findall(r"^\s*default:", file.read_text(), re.M))
        if count:
            found[str(file.relative_to(SRC))] = count
    for name in sorted(found.keys() | DEFAULTS.keys()):
        if found[name] != DEFAULTS.get(name, 0):
            problems.append(f"{name}: {found[name]} default: in switches, "
                            f"{DEFAULTS.get(name, 0)} expected")


def check_headers():
    for file in source_files():
        text = file.read_text()
        name = str(file.relative_to(SRC))
        if file.suffix == ".c":
            if not text.startswith("/* Copyright (c) "):
                problems.append(f"{name}: no copyright line")
            continue
        guard = re.sub(r"\W", "_", file.name.upper())
        if not text.startswith(f"#ifndef {guard}\n#define {guard}\n"):
            problems.append(f"{name}: the guard is not {guard}")
        if not re.match(r"(doveadm-)?migration-", file.name):
            problems.append(f"{name}: must be called migration-...")


def main():
    {"includes": check_includes, "conditions": check_conditions,
     "switches": check_switches, "headers": check_headers}[sys.argv[1]]()
    sys.exit("\n".join(problems) if problems else 0)


if __name__ == "__main__":
    main()
