"""The commands by name."""

import click

from crossfade.control.cli import components, migrations, plans, reading, watching

EPILOG = """\b
Exit codes:
  0    done
  1    refused; what to do is printed
  2    the command line, the address or a file is not right
  3    not healthy, the migration has ended without completing, or a stop is recorded but not proven
  4    the server, or Postgres or Temporal behind it, does not answer
  130  interrupted; 141 when the reader of the pipe has gone

The server is named by --url and --token, by CROSSFADE_URL and CROSSFADE_TOKEN, or by .crossfade/stack.json of a local
stack (CROSSFADE_HOME)."""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def crossfade() -> None:
    """Start, watch and steer migrations."""


for _module in (migrations, watching, components, reading, plans):
    for _command in _module.COMMANDS:
        crossfade.add_command(_command)
