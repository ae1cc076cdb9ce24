"""Run a command that dies with its owner: ``tether.py OWNER SIGNAL UID:GID PIPE COMMAND...``.

A file of its own, run by path with ``-I -S``: it becomes the command by exec, so the command keeps the pid that the
owner knows. It runs before privileges are dropped, because an unprivileged user may be unable to read this file.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Drop privileges, tie the process to its owner, become the command."""
    owner, death_signal, identity, pipe, *command = arguments
    if identity:
        _become(*map(int, identity.split(":")))
    if pipe:
        _watch(int(pipe), int(death_signal))
    else:
        # After the change of identity: the kernel forgets the signal when credentials change.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(owner):
        sys.exit("the owner ended before the command began")
    try:
        os.execv(command[0], command)  # noqa: S606 - the point of this file
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _watch(pipe: int, death_signal: int) -> None:
    """Leave a small child behind that waits for the owner's end of the pipe to close (no prctl, for example macOS)."""
    target = os.getpid()
    if os.fork():
        os.close(pipe)
        return
    os.setsid()
    os.read(pipe, 1)
    if os.getppid() == target:
        os.kill(target, death_signal)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
