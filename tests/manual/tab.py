"""Types a line and Tab into an interactive shell on a terminal of its own, and waits for what has to appear.

usage: tab.py LINE EXPECTED SHELL [ARGUMENT...]   (the shell's set-up is read from standard input)
"""

import os
import pty
import select
import sys
import time

line, expected, shell = sys.argv[1], sys.argv[2], sys.argv[3:]
setup = sys.stdin.read()
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", PS1="", COLUMNS="200")
    os.execvp(shell[0], shell)

seen = said = ""


def wait(text, seconds):
    """Reads until the text has appeared; the rest stays for the next time."""
    global seen, said
    until = time.monotonic() + seconds
    while text not in seen:
        left = until - time.monotonic()
        if left <= 0 or not select.select([terminal], [], [], left)[0]:
            return False
        try:
            text_read = os.read(terminal, 4096).decode(errors="replace")
        except OSError:
            return False
        seen, said = seen + text_read, said + text_read
    seen = seen.split(text, 1)[1]
    return True


# What is typed is echoed: only the shell's own answer has the two words together.
os.write(terminal, (setup + "\necho 'set'-up\n").encode())
ready = wait("set-up", 60)
seen = said = ""
os.write(terminal, (line + "\t").encode())
found = ready and wait(expected, 60)
wait("what never comes", 0.1)
os.kill(pid, 9)
os.waitpid(pid, 0)
for complaint in ("not found", "o such file", "no matches", "bad ", " error"):
    if complaint in said:
        sys.exit(f"{shell[0]}: {line}<Tab> complained: {said!r}")
if not found:
    sys.exit(f"{shell[0]}: {line}<Tab> did not give {expected!r} but {seen!r}" if ready else f"{shell[0]} did not start")
