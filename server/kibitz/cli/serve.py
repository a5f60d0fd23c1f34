"""`kibitz serve`: start the language server, and import next to nothing before it has answered."""

from __future__ import annotations

import os

from kibitz import front

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from kibitz.protocol.pygls_mends import MendedServer


def run(arguments: list[str]) -> int:
    """Serve until the client has gone; returns the exit code."""
    # Reading arguments with argparse costs more than answering `initialize`.
    if all(argument == "--stdio" for argument in arguments):
        return front.serve_stdio(_Servers({}))
    from kibitz.cli.terminal import Terminal
    from kibitz.errors import UserError

    try:
        return _run(arguments)
    except UserError as error:
        Terminal.here().note(error.sentence)
        return error.exit_code
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 2


def _run(arguments: list[str]) -> int:
    from kibitz.cli.arguments import Common, Parser

    parser = Parser(
        "serve",
        "The language server on stdin and stdout, for an editor to start.",
        examples=("kibitz serve", "kibitz serve --tcp 127.0.0.1:7998 --log-level debug"),
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--stdio", action="store_true", help="the default; editors pass it")
    way.add_argument("--tcp", metavar="HOST:PORT", help="serve clients that connect")
    way.add_argument("--ws", metavar="HOST:PORT", help="serve clients that connect by WebSocket")
    parser.add_argument("--clientProcessId", help="ignored; some editors pass it")
    options = parser.parse_args(arguments)
    common = Common.of(options)
    settings = dict(common.settings)
    if common.log_level is not None:
        settings["log.level"] = common.log_level
    make_server = _Servers(settings)
    if options.tcp is not None:
        return front.serve_tcp(options.tcp, make_server)
    if options.ws is not None:
        return front.serve_ws(options.ws, make_server)
    return front.serve_stdio(make_server)


class _Servers:
    """Makes the server of each client; sets up the log before the first one."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._logs = False

    def __call__(self) -> MendedServer:
        from kibitz.server import create_server

        if not self._logs:
            self._logs = True
            self._configure_logs()
        return create_server(command_line=self._settings)

    def _configure_logs(self) -> None:
        from kibitz import logs, paths
        from kibitz.errors import UserError
        from kibitz.settings import load

        level = load(None, None, self._settings, os.environ).settings.log.level
        try:
            logs.configure(level, paths.log_file(os.environ))
        except UserError:
            # The server is of use without a file; whoever needs the folder says what is wrong.
            logs.configure(level)
