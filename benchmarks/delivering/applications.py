"""Some client applications in one process: real SDK clients that note when they began to serve what.

`python -m benchmarks.delivering.applications N PORT...` starts N clients of the ports in turn, says "ready" once all of
them serve and follow, and at the end of its input when each began to serve which revision, as JSON.
"""

import json
import sys
import time
from threading import Event, Thread

from benchmarks.delivering.publisher import FLAG
from benchmarks.delivering.stack import SDK_TOKEN
from crossfade.sdk import Client

LOOK_SECONDS = 0.001
START_SECONDS = 60.0


def main(count: int, ports: list[int]) -> None:
    """Serve until the input ends."""
    clients = [Client(f"http://127.0.0.1:{ports[number % len(ports)]}", SDK_TOKEN) for number in range(count)]
    for client in clients:
        client.start()
    deadline = time.monotonic() + START_SECONDS
    while not all(client.status().streaming and client.status().age is not None for client in clients):
        if time.monotonic() > deadline:
            raise RuntimeError("The clients do not follow.")
        time.sleep(0.05)
    ending = Event()
    served: list[list[tuple[int, float]]] = [[] for _ in clients]
    looking = Thread(target=_look, args=(clients, served, ending))
    looking.start()
    print("ready", flush=True)
    sys.stdin.read()
    ending.set()
    looking.join()
    print(json.dumps(served), flush=True)
    for client in clients:
        client.close()


def _look(clients: list[Client], served: list[list[tuple[int, float]]], ending: Event) -> None:
    """Evaluate as applications do; what changes is noted."""
    last = [0] * len(clients)
    while not ending.wait(LOOK_SECONDS):
        for number, client in enumerate(clients):
            revision = client.evaluate(FLAG, {}).revision
            if revision != last[number]:
                last[number] = revision
                served[number].append((revision, time.monotonic()))


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(port) for port in sys.argv[2:]])
