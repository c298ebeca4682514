#!/usr/bin/python3
"""Shows what the shards of a run have found, as if they were one pytest:

  join.py [--report FILE] FOLDER STATUS...

FOLDER has 1.log and 1.xml and so on; the STATUSes are those that the shards
ended with. --report writes a JUnit file of all. Ends with the worst status. A
shard that failed without a failed test counts as one."""

import argparse
import re
import sys
import xml.etree.ElementTree as tree
from pathlib import Path

SECTION = re.compile(r"=+ (ERRORS|FAILURES|figures|short test summary info|"
                     r"warnings summary|PASSES|XPASSES|.* in [\d.]+s.*) =+")
SHOWN = ("ERRORS", "FAILURES", "figures", "short test summary info")
WIDTH = 79
# Of the log of a shard that was broken off
LOG_LINES = 50


class Shard:
    """What is left of one."""

    def __init__(self, folder, number, status):
        self.name = f"shard {number}"
        self.status = status
        self.lines = _read(folder / f"{number}.log").splitlines()
        suite = _read_suite(folder / f"{number}.xml")
        self.suite = tree.Element("testsuite") if suite is None else suite
        self.died = suite is None or (status != 0 and self.counts()[1] == 0)
        if self.died:
            self._add_error()

    def counts(self):
        """Passed and failed tests."""
        bad = self._count("failures") + self._count("errors")
        return (self._count("tests") - bad - self._count("skipped"), bad)

    def sections(self):
        """Title -> lines of the log."""
        result = {title: [] for title in SHOWN}
        lines = None
        for line in self.lines:
            match = SECTION.fullmatch(line)
            if match is not None:
                lines = result.setdefault(match[1], [])
            elif lines is not None:
                lines.append(line)
        return result

    def _count(self, key):
        return int(self.suite.get(key, 0))

    def _add_error(self):
        text = f"{self.name} ended with {self.status}"
        case = tree.SubElement(self.suite, "testcase", classname="run",
                               name=self.name)
        tree.SubElement(case, "error", message=text)
        for key in ("tests", "errors"):
            self.suite.set(key, str(self._count(key) + 1))


def _read(path):
    return path.read_text(errors="replace") if path.exists() else ""


def _read_suite(path):
    try:
        return tree.parse(path).getroot().find("testsuite")
    except (FileNotFoundError, tree.ParseError):
        return None


def show(shards):
    sections = [(shard, shard.sections()) for shard in shards]
    for title in SHOWN[:2]:
        for shard, lines in sections:
            _show(f"{title} of {shard.name}", lines[title])
    for shard in shards:
        if shard.died:
            _show(f"end of {shard.name}", shard.lines[-LOG_LINES:])
    for title in SHOWN[2:]:
        _show(title, [line for _, lines in sections for line in lines[title]]
              + [f"ERROR {shard.name} ended with {shard.status}"
                 for shard in shards
                 if shard.died and title == SHOWN[-1]])


def _show(title, lines):
    if lines:
        print(f" {title} ".center(WIDTH, "="))
        print("\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description="Join shards of a run.")
    parser.add_argument("--report", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("statuses", type=int, nargs="+")
    args = parser.parse_args()

    shards = [Shard(args.folder, number, status)
              for number, status in enumerate(args.statuses, 1)]
    show(shards)
    passed, failed = (sum(counts) for counts in
                      zip(*(shard.counts() for shard in shards)))
    secs = max(float(shard.suite.get("time", 0)) for shard in shards)
    print(f" {passed} passed, {failed} failed in {secs:.0f} s, "
          f"{len(shards)} shards ".center(WIDTH, "="))
    if args.report is not None:
        root = tree.Element("testsuites")
        root.extend(shard.suite for shard in shards)
        tree.ElementTree(root).write(args.report, encoding="utf-8",
                                     xml_declaration=True)
    sys.exit(max(*args.statuses, failed > 0))


if __name__ == "__main__":
    main()
