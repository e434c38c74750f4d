#!/usr/bin/env python3
"""Checks the rules that a compiler does not: who includes whom, where third-party headers may appear, that
each source is built, that lists and files agree, banned calls, line length. Prints each violation as
file:line: what; exits 1 if there is any. Reads files only; no arguments, or --self-test."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Who may include whom (README). A folder may always include itself.
MAY_INCLUDE = {
    "base": set(),
    "proto": {"base"},
    "bus": {"base", "proto"},
    "store": {"base", "proto"},
    "client": {"base", "proto"},
    "gateway": {"base", "proto", "bus"},
    "workers": {"base", "proto", "bus", "store"},
    "cli": {"base", "proto", "bus", "store", "client", "gateway"},
    "tests": {"base", "proto", "bus", "store", "client", "gateway", "workers", "cli", "tests", "perf"},
    "perf": {"base", "proto", "bus", "store", "client", "gateway", "workers", "cli", "tests"},
}
# Narrower than the folder: files that may include only these and each other. The checker judges what others
# recorded; it must not know them.
CHECKER = re.compile(r"cli/verify/(check|figures|history|index|rules_\w+)\.(cc|h)$")
CHECKER_MAY_INCLUDE = ("base/",)
# Narrower than the folder: the file → the only prefixes of store/ that it may name.
STORE_BACKENDS = ("store/pg/", "store/redis/", "store/memory/")

# Third-party header → the only files that may include it.
CONFINED = {
    r"^zmq": ["bus/zmq_socket.h", "bus/zmq_socket.cc", "bus/curve.cc", "bus/uv_socket.cc", "tests/integration/bus/",
              "perf/"],
    r"^uv\.h": ["base/loop.cc", "bus/uv_socket.cc", "gateway/listener.cc", "gateway/connection.cc",
                "client/connection.cc", "tests/integration/bus/", "perf/"],
    r"^libpq-fe": ["store/pg/", "tests/support/", "tests/integration/store/", "perf/"],
    r"^hiredis": ["store/redis/", "tests/support/", "tests/integration/store/"],
    r"^sodium": ["proto/noise.cc", "workers/password_hash.cc", "workers/tokens.cc", "perf/",
                 "tests/unit/proto/"],
    r"^spdlog": ["base/log.cc"],
    r"^prometheus": ["base/metrics.cc"],
    r"^toml\+\+": ["base/config.cc"],
    r"^CLI/": ["base/process.cc", "cli/main.cc", "perf/"],
    r"^sqlite3": ["client/sqlite_log.cc"],
    r"^readline": ["cli/terminal.cc"],
    r"^nlohmann": ["cli/", "tests/", "perf/"],
}

# Call → what to write instead, and where it is allowed all the same.
BANNED = [
    (r"\b(sleep_for|usleep|nanosleep)\s*\(", "wait with eventually() or a Timer", ["base/failpoint.cc"]),
    (r"\bstd::(mutex|shared_mutex|recursive_mutex)\b", "one thread owns; hand values over a queue",
     ["tests/", "perf/", "store/memory/"]),
    (r"\bmemcmp\s*\(", "sodium_memcmp for secrets, operator== for the rest", ["tests/"]),
    (r"\b(rand|srand|random)\s*\(\s*\)", "base/random.h", []),
    (r"\bstd::(cout|cerr)\b", "base/log.h in processes, fputs or printf in commands", ["tests/", "perf/"]),
    (r"\b(atoi|atol|strtol|strtoul|sprintf|strcpy|strcat)\s*\(", "std::from_chars, fmt, std::string", []),
    (r"\bsystem\s*\(", "spawn the program without a shell", []),
    (r"\bthrow\b(?!\()", "return an Error", ["tests/"]),
    (r"\bTO" + r"DO\b|\bFIX" + r"ME\b", "do it, or open an issue", []),
    (r"\bZMQ_HEARTBEAT_", "application pings: it aborts our libzmq (bus/README.md)", []),
]
COLUMNS = 100
LINES_MAX = 500


def sources():
    for folder in MAY_INCLUDE:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".cc", ".h", ".def") and path.is_file():
                yield path.relative_to(ROOT).as_posix()


def without_comments(text):
    """The text with comments and string contents blanked, line structure kept."""
    pattern = r'//[^\n]*|/\*.*?\*/|R"\w*\(.*?\)\w*"|"(?:\\.|[^"\\\n])*"'
    blank = lambda m: re.sub(r"[^\n]", " ", m.group(0)) if m.group(0)[0] == "/" else '""' + "\n" * m.group(0).count("\n")
    return re.sub(pattern, blank, text, flags=re.S)


def allowed(name, places):
    return any(name == place or (place.endswith("/") and name.startswith(place)) for place in places)


def check_includes(name, text):
    folder = name.split("/")[0]
    for number, line in enumerate(text.splitlines(), 1):
        ours = re.match(r'\s*#include "([^"]+)"', line)
        if ours:
            target = ours.group(1)
            top = target.split("/")[0]
            if top != folder and top in MAY_INCLUDE and top not in MAY_INCLUDE[folder]:
                yield number, f"{folder} must not include {top}"
            if CHECKER.match(name) and not (CHECKER.match(target) or target.startswith(CHECKER_MAY_INCLUDE)):
                yield number, f"the checker must not include {target}"
            if target.startswith(STORE_BACKENDS) and not may_name_backend(name):
                yield number, f"only main.cc, cli, tests name a backend of the store ({target})"
        foreign = re.match(r"\s*#include <([^>]+)>", line)
        if foreign:
            for header, places in CONFINED.items():
                if re.match(header, foreign.group(1)) and not allowed(name, places):
                    yield number, f"<{foreign.group(1)}> is confined to {', '.join(places)}"


def may_name_backend(name):
    return name.split("/")[0] in ("store", "cli", "tests", "perf") or name == "workers/main.cc"


def check_text(name, text):
    code = without_comments(text).splitlines()
    for number, line in enumerate(text.splitlines(), 1):
        width = len(line)
        if width > COLUMNS + 20 or (width > COLUMNS and not line.lstrip().startswith("//")):
            yield number, f"{width} columns, at most {COLUMNS}"
        if line != line.rstrip():
            yield number, "trailing space"
    for number, line in enumerate(code, 1):
        for pattern, instead, places in BANNED:
            if re.search(pattern, line) and not allowed(name, places):
                yield number, f"banned: {re.search(pattern, line).group(0).strip()} ({instead})"
    if name.endswith(".h") and "#pragma once" not in text:
        yield 1, "no #pragma once"
    lines = text.count("\n")
    if lines > LINES_MAX and not name.startswith("tests/"):
        yield lines, f"{lines} lines: find the second idea and give it a file"


def check_built(name):
    """Each .cc is named by a CMakeLists.txt of its folder or above."""
    if not name.endswith(".cc"):
        return
    path = ROOT / name
    for folder in path.parents:
        listing = folder / "CMakeLists.txt"
        if listing.exists():
            relative = path.relative_to(folder).as_posix()
            stem = relative[: -len(".cc")]
            text = listing.read_text()
            if re.search(rf"(?<![\w/.-]){re.escape(relative)}(?![\w.-])", text):
                return
            if re.search(rf"(?<![\w/.-]){re.escape(stem)}(?![\w.-])", text):  # foreach over stems
                return
        if folder == ROOT:
            break
    yield 1, "is built by no CMakeLists.txt"


def check_lists():
    """services.def ↔ workers/<name>.cc; README's folders ↔ folders; CONFINED ↔ files."""
    for header, places in CONFINED.items():
        for place in places:
            if not (ROOT / place).exists():
                yield "tests/tidy.py", 1, f"{header} is confined to {place}, which is gone"
    services = re.findall(r"PARLEY_SERVICE\((\w+),", (ROOT / "proto/services.def").read_text())
    for service in services[1:] if services and services[0] == "name" else services:
        if service != "app" and not list((ROOT / "workers").glob(f"{service}*.cc")):  # app: business systems
            yield "proto/services.def", 1, f"service {service} has no workers/{service}.cc"
    verbs = re.findall(r"^PARLEY_VERB\((\w+),\s+(\w+),\s+(0x\w+)", (ROOT / "proto/verbs.def").read_text(), re.M)
    for service, verb, number in verbs:
        if service not in services:
            yield "proto/verbs.def", 1, f"{service}.{verb}: no such service"
    numbers = [number for _, _, number in verbs]
    if len(set(numbers)) != len(numbers):
        yield "proto/verbs.def", 1, "a number is used twice"
    readme = ROOT / "README.md"
    for folder in MAY_INCLUDE:
        if readme.exists() and f"`{folder}/`" not in readme.read_text():
            yield "README.md", 1, f"says nothing of `{folder}/`"
        if not (ROOT / folder / "README.md").exists():
            yield f"{folder}/README.md", 1, "is missing"


def violations():
    for name in sources():
        text = (ROOT / name).read_text()
        for check in (check_includes, check_text):
            for number, what in check(name, text):
                yield name, number, what
        for number, what in check_built(name):
            yield name, number, what
    yield from check_lists()


def self_test():
    """Each rule sees a planted violation."""
    planted = [
        ("gateway/x.cc", '#include "store/log_store.h"\n', "must not include"),
        ("workers/c2c.cc", '#include "store/pg/pg_store.h"\n', "only main.cc"),
        ("cli/verify/rules_x.cc", '#include "client/client.h"\n', "the checker must not"),
        ("gateway/x.cc", "#include <zmq.h>\n", "confined"),
        ("bus/x.cc", "int a = 0;" + " " * 10 + "\n", "trailing"),
        ("bus/x.cc", "int " + "a" * 120 + ";\n", "columns"),
        ("bus/x.cc", "sleep_for(1s);\n", "banned"),
        ("bus/x.cc", "std::mutex m;\n", "banned"),
        ("bus/x.h", "int a;\n", "pragma"),
        ("bus/x.cc", "int a;\n" * 501, "lines"),
    ]
    for name, text, expected in planted:
        found = [what for check in (check_includes, check_text) for _, what in check(name, text)]
        if not any(expected in what for what in found):
            print(f"self-test: {expected!r} not seen in {text!r}: {found}")
            return 1
    clean = '#include "base/ids.h"\n// sleep_for(1s) in a comment\nconst char* s = "throw";\n'
    found = [what for check in (check_includes, check_text) for _, what in check("bus/x.cc", clean)]
    if found:
        print(f"self-test: false alarm {found}")
        return 1
    print(f"tidy self-test: {len(planted)} planted violations seen")
    return 0


def main():
    if "--self-test" in sys.argv:
        return self_test()
    found = list(violations())
    for name, number, what in found:
        print(f"{name}:{number}: {what}")
    print(f"tidy: {len(list(sources()))} files, {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
