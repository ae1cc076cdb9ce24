import subprocess
import time


def is_alive(pid: int) -> bool:
    """A zombie that its new parent has not collected yet is not alive."""
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(status.strip()) and not status.startswith("Z")


def wait_until_gone(*pids: int, seconds: float = 10) -> list[int]:
    """Those of the processes that are still alive when the time is over: none, as soon as none is."""
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left
