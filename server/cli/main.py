"""The command line of ``python -m server``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from server.cli import create_admin, reset_password, run_server, verify

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except KeyboardInterrupt:
        return 130
    except ValueError as error:  # a setting that cannot be read, an answer that cannot be right
        print(f"huitang: {error}", file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="python -m server",
        description="Huitang's server. Without a command it runs; settings come from the environment.",
    )
    found.set_defaults(command=run_server.run)
    commands = found.add_subparsers(title="commands", metavar="")
    admin = commands.add_parser("create-admin", help="make an administrator's account and print its password once")
    create_admin.add_arguments(admin)
    admin.set_defaults(command=create_admin.run)
    reset = commands.add_parser("reset-password", help="make a new password for an account and print it once")
    reset_password.add_arguments(reset)
    reset.set_defaults(command=reset_password.run)
    proof = commands.add_parser("verify", help="prove a meeting's chain of events, or find the first wrong byte")
    verify.add_arguments(proof)
    proof.set_defaults(command=verify.run)
    return found
