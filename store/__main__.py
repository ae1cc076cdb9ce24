"""`python -m store migrate`: bring the database of DATABASE_URL to the newest revision."""

import argparse
import asyncio
import os

from store.engine import database_url
from store.schema import migrate


def main() -> None:
    """Reads the command and carries it out."""
    parser = argparse.ArgumentParser(prog="python -m store", description="The database of Crossfade.")
    parser.add_argument("command", choices=["migrate"], help="bring the schema to its newest revision")
    parser.parse_args()
    if "DATABASE_URL" not in os.environ:
        parser.error("DATABASE_URL is not set, for example postgresql://app@127.0.0.1/app")
    asyncio.run(migrate(database_url(os.environ)))
    print("The schema is up to date.")


if __name__ == "__main__":
    main()
