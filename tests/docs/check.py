"""Holds the pages against the project. Called by run, with the blocks of every page below its argument."""

import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import messages
import yaml

SCRATCH = Path(sys.argv[1])
PAGES = [Path("README.md"), *sorted(Path("docs").glob("*.md"))]
PREPARED = {"lab": Path("tests/docs/lab.sh"), "field": Path("tests/probe/scenarios/31-docs.sh")}
PLAYED = {
    "lab": list(Path("tests/lab/scenarios").glob("*-docs-*.sh")),
    "field": [PREPARED["field"]],
    "package": [Path("tests/lab/systemd/systemd-4-units.sh")],
}
wrong = []
count = {}


def complain(page, line, text):
    wrong.append(f"{page}:{line}: {text}" if line else f"{page}: {text}")


def call(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, **more)
    return done.returncode, (done.stdout + done.stderr).strip()


# --- blocks


def blocks():
    for page in PAGES:
        for file in sorted((SCRATCH / "blocks" / page).iterdir()):
            line, language, place, preparation = file.name.split(".")
            yield page, int(line), language, place, preparation, file


def commands(file):
    """Its lines without comments; here-documents do not occur where this is asked."""
    lines = (line.split(" #")[0].strip() for line in file.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def play(page, line, place, preparation, file):
    if preparation and f"\nprepare_{preparation}() {{" not in PREPARED[place].read_text():
        complain(page, line, f"no prepare_{preparation} in {PREPARED[place]}")
    if not any(f"\nplay {page} {place}\n" in scenario.read_text() for scenario in PLAYED[place]):
        complain(page, line, f"no scenario says: play {page} {place}")


def set_up(page, line, file):
    for command in commands(file):
        program, *options = command.split()
        text = Path(program).read_text() if os.access(program, os.X_OK) else ""
        for word in [program, *options]:
            if word not in text and word != program or not text:
                complain(page, line, f"{command}: {program} is no program that knows {word}")


def package(page, line, preparation, file):
    """Installing it is what the walks of tests/package do."""
    if commands(file) != ["apt install ./pve-hooks_*.deb"]:
        play(page, line, "package", preparation, file)


def sh(page, line, place, preparation, file):
    code, said = call("bash", "-n", str(file))
    if code:
        complain(page, line, said)
    if place == "package":
        package(page, line, preparation, file)
    elif place in PLAYED:
        play(page, line, place, preparation, file)
    elif place == "set-up":
        set_up(page, line, file)
    else:
        complain(page, line, f"a command block has to say where it is run (sh lab, …), not {place!r}")
    count[place] = count.get(place, 0) + 1


def harmless(page, line, text):
    """A sample that is copied as it stands cuts nothing off, opens nothing and heals nothing."""
    try:
        sample = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return complain(page, line, f"is no TOML as it stands: {error}")
    probe = sample.get("probe", {})
    switched = [f"probe.recovery.{key}" for key, value in probe.get("recovery", {}).items() if value is True]
    switched += [f"probe.serve.{key}" for key in ("token_file", "hosts") if key in probe.get("serve", {})]
    # Checks in the guest need its agent.
    switched += ["probe.agent"] if probe.get("agent") and "checks" not in probe else []
    switched += ["timeout"] if "timeout" in sample else []
    for key in switched:
        complain(page, line, f"{key} is switched on in a sample that people copy: show it as a comment")


def starts(page, line, file, root):
    """The daemon starts with a sample as it stands."""
    socket = SCRATCH / "serve.sock"
    socket.unlink(missing_ok=True)
    words = ["vm-probe", "--root", str(root), "--config", str(file), "serve", "--listen", f"unix:{socket}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as daemon:
        until = time.monotonic() + 60
        while daemon.poll() is None and not socket.exists() and time.monotonic() < until:
            time.sleep(0.02)
        started = socket.exists()
        daemon.terminate()
        try:
            said = daemon.communicate(timeout=60)[0]
        except subprocess.TimeoutExpired:
            daemon.kill()
            said = daemon.communicate()[0]
            complain(page, line, "vm-probe serve does not end with it within 60 s")
    if not started:
        complain(page, line, f"vm-probe serve does not start with it: {said.strip()}")


def toml(page, line, file):
    root = SCRATCH / "root"
    (root / "etc/pve/qemu-server").mkdir(parents=True, exist_ok=True)
    text = file.read_text()
    harmless(page, line, text)
    starts(page, line, file, root)
    # Also what is shown switched off.
    file.write_text(re.sub(r'^# (?=\[|\w+ = )', "", text, flags=re.M))
    code, said = call("pve-hook", "--root", str(root), "--config", str(file), "check")
    if code:
        complain(page, line, f"pve-hook does not take it: {said}")


def prometheus(page, line, text):
    """By Prometheus' own tool."""
    rules = SCRATCH / "rules.yml"
    rules.write_text(text)
    try:
        code, said = call(os.environ.get("PROMTOOL", "promtool"), "check", "rules", str(rules))
    except FileNotFoundError:
        print(f"SKIPPED: {page}:{line}: promtool is not installed (apt install prometheus)")
        return
    if code:
        complain(page, line, said)


def yaml_block(page, line, file):
    try:
        content = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        return complain(page, line, str(error))
    if "groups" in content:
        prometheus(page, line, file.read_text())


def promql(page, line, file):
    expression = file.read_text().strip()
    prometheus(page, line, yaml.safe_dump({"groups": [{"name": "a", "rules": [{"record": "a", "expr": expression}]}]}))


def every_block():
    before = None
    for page, line, language, place, preparation, file in blocks():
        if language == "sh":
            sh(page, line, place, preparation, file)
        elif (language, place) == ("text", "output") and before != (page, "sh"):
            complain(page, line, "a sample stands right behind the block that it is the output of")
        elif language == "toml":
            toml(page, line, file)
        elif language == "yaml":
            yaml_block(page, line, file)
        elif language == "promql":
            promql(page, line, file)
        elif language == "text" and place != "output" or language not in ("text", "none"):
            complain(page, line, f"nothing checks a block of the kind {language!r} {place!r}")
        elif language == "none" and page.name != "inside.md":
            complain(page, line, "a block has to say what it is")
        before = (page, language) if place in PLAYED else None


# --- what others run for you


def by_others():
    """Cron looks in /usr/bin:/bin, sudo and NRPE compare whole paths: a program in /usr/sbin is named by its path there."""
    ours = "|".join(PROGRAMS)
    starters = re.compile(rf"(?:(?:[\d*/,-]+\s+){{5}}|@(?:reboot|hourly|daily|weekly|monthly)\s+)(?:root\s+)?({ours})\b|(?:NOPASSWD:|command\[\w+\]=)\s*({ours})\b")
    lines = 0
    for page in [*PAGES, *Path("tests/manual/parts").glob("*.roff"), *Path("bins").glob("*/src/cli.rs")]:
        for number, line in enumerate(page.read_text().replace("\\-", "-").splitlines(), 1):
            lines += bool(re.search(r"(?:[\d*/,-]+\s+){5}root\s", line))
            if found := starters.search(line):
                name = found[1] or found[2]
                complain(page, number, f"{name} is not found by who runs this: write /usr/sbin/{name}")
    if not lines:
        complain("docs", 0, "no line for cron is found any more")
    count["cron lines"] = lines


def sudoers():
    """What people copy into /etc/sudoers.d, by sudo's own parser."""
    rules = 0
    for page in PAGES:
        for number, line in prose(page):
            for rule in re.findall(r"`([^`]*NOPASSWD[^`]*)`", line):
                rules += 1
                file = SCRATCH / "sudoers"
                # The one before is not writable.
                file.unlink(missing_ok=True)
                file.write_text(rule + "\n")
                file.chmod(0o440)
                try:
                    code, said = call("visudo", "--check", "--strict", f"--file={file}")
                except FileNotFoundError:
                    print(f"SKIPPED: {page}:{number}: visudo is not installed (apt install sudo)")
                    continue
                count["sudo rules"] = count.get("sudo rules", 0) + 1
                if code:
                    complain(page, number, said)
    if not rules:
        complain("docs", 0, "no rule for sudo is found any more")


# --- commands and states in the text

PROGRAMS = ("pve-hook", "gpu-bind", "usb-reset", "coral-check", "vm-probe")


def inline():
    """Commands of ours between backticks: their verbs and options have to be there."""
    for page in PAGES:
        for number, line in prose(page):
            for command in re.findall(r"`([^`]+)`", line):
                words = command.split()
                if words and words[0] in PROGRAMS and len(words) > 1:
                    code, said = call(*words, "--help")
                    count["inline commands"] = count.get("inline commands", 0) + 1
                    if code:
                        complain(page, number, f"{command}: {said.splitlines()[0]}")


def states():
    """Every state that a Coral can have stands on its page."""
    words = re.findall(r"^    \w+ = \"(\w+)\";$", Path("shared/src/coral/finding.rs").read_text(), re.M)
    text = Path("docs/coral-frigate.md").read_text()
    for word in words or ["(none found)"]:
        if f"`{word}`" not in text:
            complain("docs/coral-frigate.md", 0, f"the state {word} is missing")


# --- links


def slug(heading):
    words = re.sub(r"[`*]", "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def headings(page):
    return {slug(line.lstrip("#")) for line in page.read_text().splitlines() if line.startswith("#")}


def prose(page):
    """Line by line, without the blocks."""
    inside = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside:
            yield number, line


def links():
    for page in PAGES:
        for number, line in prose(page):
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                path, _, anchor = target.partition("#")
                file = page.parent / path if path else page
                if target.startswith("http"):
                    continue
                if not file.exists():
                    complain(page, number, f"{target}: there is no such file")
                elif anchor and anchor not in headings(file):
                    complain(page, number, f"{target}: there is no such heading")
            for path in re.findall(r"`((?:docs|snippets|tests|systemd|udev|shared|bins)/[\w./-]+)`", line):
                if not Path(path).exists():
                    complain(page, number, f"{path}: there is no such file")
    index = Path("README.md").read_text()
    for page in PAGES[1:]:
        if f"]({page})" not in index:
            complain("README.md", 0, f"{page} is not in the index")


# --- messages


def tables():
    """What the tables of messages say that the programs say."""
    transcripts = [*Path("tests/cli").glob("*/*.trycmd"), *(SCRATCH / "blocks").rglob("*.text.output.")]
    pieces, said = messages.literals(), "\n".join(file.read_text() for file in transcripts)
    for page in PAGES:
        table = False
        for number, line in prose(page):
            if not line.startswith("|"):
                table = False
            elif line.startswith("| message"):
                table = True
            elif table:
                for message in re.findall(r"`([^`]+)`", line.split("|")[1]):
                    count["messages"] = count.get("messages", 0) + 1
                    if left := messages.unsaid(message, pieces, said):
                        complain(page, number, f"no program says {message!r} (not found: {left!r})")


every_block()
by_others()
sudoers()
inline()
states()
links()
tables()
for text in wrong:
    print(text, file=sys.stderr)
told = ", ".join(f"{number} {what}" for what, number in sorted(count.items()))
print(f"docs: {len(PAGES)} pages; blocks and messages: {told}; {len(wrong)} wrong")
sys.exit(1 if wrong else 0)
