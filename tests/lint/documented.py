#!/usr/bin/python3
"""What the code has and what the documents say are the same:

  documented.py settings   migration-settings.c, conf.d and the manual, with
                           defaults
  documented.py events     events of the sources, doc/events.md and the manual,
                           with fields
  documented.py commands   doveadm's commands, their options, columns and words,
                           and no command that does not exist anywhere
  documented.py exits      exit codes of the sources and the manual
  documented.py sources    files and tests that the documents name exist
"""

import os
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
MANUAL_1 = TOP / "doc/man/doveadm-migration.1"
MANUAL_7 = TOP / "doc/man/dovecot-migration.7"
DOCUMENTS = [TOP / "README", TOP / "NEWS", MANUAL_1, MANUAL_7,
             *sorted((TOP / "doc").glob("*.md"))]
UNITS = {"secs": 1, "mins": 60, "hours": 3600, "days": 86400}
# What the build puts in.
MACROS = {"PKG_STATEDIR": "/var/lib/dovecot",
          "MIGRATION_KEYDIR": "/etc/dovecot/migration"}

problems = []


def problem(text):
    problems.append(text)


def compare(what, code, document, name):
    for missing in sorted(code - document):
        problem(f"{name} does not know {what} {missing}")
    for extra in sorted(document - code):
        problem(f"{name} has {what} {extra}, the sources do not")


# --- settings ---

def normalize(value):
    """One form for defaults in C, conf.d and the manual."""
    value = value.strip()
    words = value.split()
    if len(words) == 2 and words[1] in UNITS:
        return str(int(words[0]) * UNITS[words[1]])
    return {"yes": "TRUE", "no": "FALSE"}.get(value, value)


def c_default(expression, kind):
    if expression.startswith('"') or expression.split('"')[0] in MACROS:
        text = "".join(
            MACROS[part] if part in MACROS else part.strip('"')
            for part in re.findall(r'"[^"]*"|\w+', expression))
        return text.split(":")[0] if kind == "ENUM" else text
    if re.fullmatch(r"[\d*\s]+", expression):
        product = 1
        for factor in expression.split("*"):
            product *= int(factor)
        return str(product)
    return expression


def settings_of_sources():
    """{"": global settings, "provider": those of a block}: name -> default"""
    text = (TOP / "src/lib-migration/migration-settings.c").read_text()
    result = {}
    for key, prefix in (("", "migration"), ("provider",
                                            "migration_provider")):
        defines = re.search(rf"\b{prefix}_setting_defines\[\] = {{(.*?)\n}};",
                            text, re.S)[1]
        defaults = re.search(rf"\b{prefix}_default_settings = {{(.*?)\n}};",
                             text, re.S)[1]
        values = dict(re.findall(r"^\t\.(\w+) = (.*),$", defaults, re.M))
        result[key] = {name: c_default(values[name], kind)
                       for kind, name in re.findall(
                           r"\bDEF\((\w+), (\w+)\)", defines)
                       if name != "name"}
    return result


def settings_of_conf():
    text = (TOP / "conf.d/90-migration.conf").read_text()
    head, block = text.split("#migration_provider ", 1)
    block = block.split("\n#}", 1)[0]
    examples = {"host", "domains", "exclude"}
    return {
        "": {name: normalize(value) for name, value in
             re.findall(r"^#(migration_\w+) =(.*)$", head, re.M)},
        "provider": {name: "" if name in examples else normalize(value)
                     for name, value in
                     re.findall(r"^  #(\w+) =(.*)$", block, re.M)},
    }


def settings_of_manual():
    result = {"": {}, "provider": {}}
    for name, value in re.findall(
            r'^\.It Ic (\w+) = ?(.*?) ?Pq [^\n]*$', MANUAL_7.read_text(),
            re.M):
        key = "" if name.startswith("migration_") else "provider"
        value = value.replace("Qq", "").replace("\\(dq", '"')
        result[key][name] = normalize(value)
    return result


def check_settings():
    code = settings_of_sources()
    for name, other in (("conf.d/90-migration.conf", settings_of_conf()),
                        (MANUAL_7.name, settings_of_manual())):
        for key, settings in code.items():
            compare("setting", settings.keys(), other[key].keys(), name)
            for setting in settings.keys() & other[key].keys():
                ours, theirs = settings[setting], other[key][setting]
                if normalize(ours) != theirs:
                    problem(f"{name}: the default of {setting} is "
                            f"'{theirs}', in the sources '{ours}'")


# --- events ---

def source_files():
    return sorted((TOP / "src").rglob("*.[ch]"))


def check_events():
    code = {}
    for file in source_files():
        for name, rest in re.findall(r'set_name\("(\w+)"\)(.*?);',
                                     file.read_text(), re.S):
            code[name] = set(re.findall(r'add_\w+\("(\w+)"', rest))
    document = {}
    for part in (TOP / "doc/events.md").read_text().split("\n## ")[1:]:
        name = part.split("\n", 1)[0].strip("` ")
        if name.startswith("migration_"):
            document[name] = set(re.findall(r"^\| `(\w+)` \|", part, re.M))
    compare("event", code.keys(), document.keys(), "doc/events.md")
    for name in code.keys() & document.keys():
        for field in sorted(code[name] - document[name]):
            problem(f"doc/events.md: {name} has no field {field}")
    manual = events_of_manual()
    compare("event", code.keys(), manual.keys(), MANUAL_7.name)
    # which has those of the event's parents as well
    for name in document.keys() & manual.keys():
        compare(f"{name}: field", document[name], manual[name], MANUAL_7.name)


def events_of_manual():
    """".It Li NAME", a text, "fields A, B, C"."""
    part = re.search(r"^\.Sh EVENTS\n(.*?)^\.Sh", MANUAL_7.read_text(),
                     re.M | re.S)[1]
    result = {}
    for item in part.split("\n.It Li ")[1:]:
        name, text = item.split("\n.El", 1)[0].split("\n", 1)
        fields = re.search(r"\bfields ([\w, \n]+)", text)
        result[name] = set(re.findall(r"\w+", fields[1])) if fields else set()
    return result


# --- commands ---

def check_commands():
    manual = MANUAL_1.read_text()
    commands = set()
    for file in source_files():
        text = file.read_text()
        found = re.search(r'\.name = "migration ([\w ]+)"', text)
        if found is None:
            continue
        commands.add(found[1])
        part = manual_part(manual, found[1])
        if part is None:
            problem(f"{MANUAL_1.name} does not know command {found[1]}")
            continue
        check_options(found[1], text, part)
        check_registered(found[1], text)
        if "columns of\n.Cm list" in part:
            part += manual_part(manual, "list")
        part = re.sub(r"^\.Bl .*", "", part, flags=re.M)
        for column in re.findall(r'^\t{ "(\w+)", \w+ },$', text, re.M):
            if not re.search(rf"\b{column}\b", part):
                problem(f"{MANUAL_1.name}: {found[1]} has no column {column}")
    for name in re.findall(r"^\.Ss doveadm migration ([a-z ]+)", manual,
                           re.M):
        if name.strip() not in commands:
            problem(f"{MANUAL_1.name}: there is no command {name}")
    check_words()
    for file in [*DOCUMENTS, *sorted((TOP / "conf.d").glob("*.conf*")),
                 TOP / "quickstart", *source_files()]:
        check_mentioned(file, commands)


def check_options(command, text, part):
    """Short or long ones, in the manual and in the usage, and no others."""
    known = set()
    usage = "".join(re.findall(r'"([^"]*)"', re.search(
        r"\.usage =\s+(.*?),\n", text, re.S)[1]))
    for short, name, flag in re.findall(
            r"DOVEADM_CMD_PARAM\(\s*'(.+?)',\s*\"([\w-]+)\",\s*\w+,\s*(\w+)\)",
            text):
        if flag != "0":
            continue
        names = [name] if short == "\\0" else [short, name]
        known.update(names)
        # what it is, not only that it is
        if not manual_options(part.partition("\n.Pp\n")[2]) & set(names):
            problem(f"{MANUAL_1.name}: {command} has no option {name}")
        if not any(re.search(rf"(?<!\w)-{{1,2}}{re.escape(option)}(?!\w)",
                             usage) for option in names):
            problem(f"usage of {command} has no option {name}")
    for option in sorted(manual_options(part) - known):
        problem(f"{MANUAL_1.name}: {command} has option {option}, the "
                "sources do not")


def manual_options(part):
    """Of ".Fl u", ".Fl \\-all" and ".Fl u Ns | Fl p". What an example has in
    a display is no option of the command."""
    part = re.sub(r"^\.(Bd.*?^\.Ed|Dl.*?)$", "", part, flags=re.M | re.S)
    # of other commands and programs
    lines = [line for line in part.splitlines()
             if not re.match(r"\.(Cm|Nm doveadm Cm (?!migration))", line)]
    return {option.replace("\\-", "-").lstrip("-") for option in
            re.findall(r"\bFl (\\?-?[\w\\-]+)", "\n".join(lines))}


def check_registered(command, text):
    struct = re.search(r"struct doveadm_cmd_ver2 (\w+) = {", text)[1]
    plugin = (TOP / "src/doveadm/doveadm-migration-plugin.c").read_text()
    if f"&{struct}," not in plugin:
        problem(f"command {command} is not registered")


def check_words():
    """Columns and formats of export, which are not in its own file."""
    text = (TOP / "src/lib-migration/migration-export.c").read_text()
    part = "".join(manual_part(MANUAL_1.read_text(), name)
                   for name in ("export", "list", "show"))
    for word in re.findall(r'^\t\[(?:COLUMN|MIGRATION_EXPORT)_\w+\] = '
                           r'(?:{ )?"(\w+)"', text, re.M):
        if not re.search(rf"\b{word}\b", part):
            problem(f"{MANUAL_1.name}: export has no {word}")


def manual_part(manual, command):
    part = re.search(rf"^\.Ss doveadm migration {command}\n(.*?)(?=^\.S[sh])",
                     manual, re.M | re.S)
    return part[1] if part else None


def check_mentioned(file, commands):
    # strings that are split over lines in C
    text = re.sub(r'"\s*\n\s*"', "", file.read_text())
    text = re.sub(r"\bpool_\w+\([^;]*;", "", text)
    for words in re.findall(r"\bdoveadm migration +(\w+(?: +\w+)?)", text):
        words = words.split()
        if words[0] not in commands and " ".join(words) not in commands:
            problem(f"{file.relative_to(TOP)}: there is no command "
                    f"migration {' '.join(words)}")


# --- exit codes ---

def check_exits():
    code = set()
    for file in source_files():
        if file.parent.name in ("doveadm", "queue"):
            code.update(getattr(os, name) for name in
                        re.findall(r"\bEX_[A-Z]+\b", file.read_text()))
    part = re.search(r"^\.Sh EXIT STATUS\n(.*?)^\.El$",
                     MANUAL_1.read_text(), re.M | re.S)[1]
    document = {int(number) for number in
                re.findall(r"^\.It (\d+)$", part, re.M)}
    compare("exit code", code | {0}, document, MANUAL_1.name)


# --- names of files and tests ---

def check_sources():
    paths = re.compile(r"(?<![\w/.])((?:src|tests|conf\.d|doc)/[\w./-]*\w)")
    tests = re.compile(r"\b(test_\w+)\b")
    known = "".join(file.read_text() for file in
                    [*(TOP / "tests").rglob("*.c"),
                     *(TOP / "tests").rglob("*.py")])
    for document in DOCUMENTS:
        text = document.read_text()
        for path in sorted(set(paths.findall(text))):
            if not (TOP / path).exists():
                problem(f"{document.relative_to(TOP)}: no file {path}")
        for test in sorted(set(tests.findall(text))):
            if test not in known:
                problem(f"{document.relative_to(TOP)}: no test {test}")


def main():
    rules = {"settings": check_settings, "events": check_events,
             "commands": check_commands, "exits": check_exits,
             "sources": check_sources}
    rules[sys.argv[1]]()
    sys.exit("\n".join(problems) if problems else 0)


if __name__ == "__main__":
    main()
