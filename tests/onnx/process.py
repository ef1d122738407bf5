"""Where things are, and how a process is run: what the ways of running the node tests share."""
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ONNXCC_BUILD", ROOT / "build"))
ONNXCC = os.environ.get("ONNXCC", str(BUILD / "onnxcc"))
RUNTIME = pathlib.Path(os.environ.get("ONNXCC_RUNTIME", ROOT / "runtime-min"))
PLACE = BUILD / "tests" / "onnx"
STRICT = "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wdouble-promotion -Werror".split()
LIBRARY_FUNCTIONS = {"memcpy", "memset", "memmove", "memcmp"}  # all that emitted code may call
LIMIT = 120    # seconds a process may take
BAD = "CRASH: "  # opens the reasons that no list excuses


def run(command, **options):
    """Status, stdout and last words of a process. The words open with BAD if it crashed, hit an internal error or ran too long."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=False, **options)
    except subprocess.TimeoutExpired:
        return 1, b"", f"{BAD}{pathlib.Path(command[0]).name} took longer than {LIMIT} s"
    words = last_words(done.stderr.decode(errors="replace"))
    if done.returncode < 0:
        words = f"{BAD}{pathlib.Path(command[0]).name} died of signal {-done.returncode}. {words}"
    elif command[0] == ONNXCC and done.returncode in (3, 4):
        words = f"{BAD}onnxcc ended with status {done.returncode}. {words}"
    return done.returncode, done.stdout, words


def last_words(text):
    """The line of a program's messages that says most: its first error, else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE)]
    line = (errors or lines[-1:] or ["no message"])[0]
    line = re.sub(r"\x1b\[[0-9;]*m", "", line)
    return re.sub(r"/\S*/(?=[^/\s]*\.(pb|onnx):)", "", line)[:200]  # messages name files; lists of them shall not name folders


def data_sets(case):
    return sorted(case.folder.glob("test_data_set_*"))
