"""The tool as a process: where it is, how options become words, and what its exit codes mean."""

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path


class LoewnerError(Exception):
    """The tool did not end with 0. `status` is its exit code, negative for a signal; `arguments` are the words it was given."""

    def __init__(self, message, status, arguments):
        super().__init__(message)
        self.status = status
        self.arguments = arguments


class FailureError(LoewnerError):
    """Exit code 1: a file or its numbers are not what the verb needs."""


class UsageError(LoewnerError, ValueError):
    """Exit code 2: an option that does not exist or has no such value."""


class LimitError(LoewnerError):
    """Exit code 3: finished, but a limit stopped it or the result is known to be poor. `result` is what there is."""

    result = None


class LoewnerWarning(UserWarning):
    """What the tool said on standard error though it ended well."""


ERRORS = {1: FailureError, 2: UsageError, 3: LimitError}


def executable():
    """The tool: $LOEWNER if that is set, else the one of this package, else the one on the PATH."""
    named = os.environ.get("LOEWNER")
    if named:
        return named
    carried = Path(__file__).with_name("bin") / "loewner"
    if carried.exists():
        return str(carried)
    found = shutil.which("loewner")
    # The command that pip made for this module would call itself.
    if found and not Path(found).read_bytes()[:2] == b"#!":
        return found
    raise FileNotFoundError("expected the tool in this package, on the PATH or in $LOEWNER, found none")


def words(options):
    """Options as words of a command line: `round_to=8` is --round-to 8, `force=True` is --force, `mean=(0.5, 0.4)` is
    --mean 0.5,0.4, `layer={"fc1": 0.5}` is --layer fc1=0.5; None and False are left out."""
    result = []
    for name, value in options.items():
        flag = "--" + name.rstrip("_").replace("_", "-")
        if value is None or value is False:
            continue
        if value is True:
            result.append(flag)
        elif isinstance(value, dict):
            for key, entry in value.items():
                result += [flag, f"{key}={entry}"]
        elif isinstance(value, (list, tuple)) or type(value).__module__ == "numpy" and getattr(value, "ndim", 0) == 1:
            result += [flag, ",".join(str(entry) for entry in value)]
        else:
            result += [flag, str(value)]
    return result


def run(*arguments, options=None):
    """Runs `loewner ARGUMENTS --json` and returns the object it prints.

    `options` are further options by name (see `words`). Raises FailureError, UsageError or LimitError; LimitError has the object as
    its `result`. What the tool says beside a result becomes a LoewnerWarning.
    """
    command = [str(word) for word in arguments] + words(options or {}) + ["--json"]
    outcome = subprocess.run(
        [executable(), *command], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace")
    lines = [line for line in outcome.stderr.splitlines() if line.strip()]
    try:
        result = json.loads(outcome.stdout)
    except ValueError:
        result = None
    if outcome.returncode != 0:
        kind = ERRORS.get(outcome.returncode, LoewnerError)
        said = lines[-1] if lines else f"loewner ended with {outcome.returncode} and said nothing"
        error = kind(said, outcome.returncode, command)
        error.result = result
        raise error
    if result is None:
        raise LoewnerError("expected one JSON object from loewner, found none", 0, command)
    for line in lines:
        warnings.warn(line, LoewnerWarning, stacklevel=3)
    return result


def main():
    """The command `loewner`: becomes the tool."""
    tool = executable()
    os.execv(tool, [tool, *sys.argv[1:]])
