# SPDX-License-Identifier: Apache-2.0
"""Shows a saved rollout in rerun: its viewer where there is a screen, else a page for the browser; or writes an .rrd file."""

from __future__ import annotations

import os
import socket
import sys
import threading
from argparse import Namespace
from pathlib import Path
from urllib.parse import quote

from .arguments import Parser, add_quiet, whole_number
from .output import check_file

HELP = "a rollout in rerun: viewer, web page or .rrd file"


def configure(parser: Parser) -> None:
    add = parser.add_argument
    add("folder", type=Path, metavar="DIR", help="a folder that generate wrote")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--save", type=Path, metavar="FILE.rrd", help="write a recording and show nothing")
    where.add_argument("--serve", action="store_true", help="serve a web page even where there is a screen; Ctrl-C ends it")
    port = whole_number(1, 65535)
    add("--web-port", type=port, default=9090, metavar="N", help="of the page; default: 9090")
    add("--grpc-port", type=port, default=9876, metavar="N", help="of the data; default: 9876")
    add_quiet(parser)


def run(arguments: Namespace) -> None:
    if arguments.save:
        check_file(arguments.save)
    elif serves(arguments):
        check_ports(arguments.web_port, arguments.grpc_port)
    from ..presentation.optional import optional_package

    rerun = optional_package("rerun", "view", "cli::view")
    from ..presentation.saved import load_rollout
    from ..progress import progress_bar

    record = load_rollout(arguments.folder)
    with progress_bar(not arguments.quiet, record.frames, label="frame") as advance:
        if arguments.save:
            save(record, arguments.save, advance)
        elif serves(arguments):
            serve(rerun, record, arguments, advance)
        else:
            spawn(record, arguments.grpc_port, advance)
    if arguments.save and not arguments.quiet:
        print(arguments.save)


def save(record, path: Path, progress) -> None:
    from ..presentation.rerun_log import write_rrd

    path.parent.mkdir(parents=True, exist_ok=True)
    write_rrd(path, record, progress=progress)


def serves(arguments: Namespace) -> bool:
    """Whether a page is served: asked for, or no window can be expected to open."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return arguments.serve or not screen


def spawn(record, port: int, progress) -> None:
    """Opens rerun's viewer, which stays when this process ends."""
    from ..presentation.rerun_log import blueprint, log_rollout, new_recording

    recording = new_recording()
    recording.spawn(port=port, default_blueprint=blueprint(record))
    log_rollout(record, recording, progress=progress)
    recording.disconnect()


def serve(rerun, record, arguments: Namespace, progress) -> None:
    """Serves page and data until Ctrl-C; prints the address."""
    from ..presentation.rerun_log import blueprint, log_rollout, new_recording

    recording = new_recording()
    data = recording.serve_grpc(grpc_port=arguments.grpc_port, default_blueprint=blueprint(record))
    rerun.serve_web_viewer(web_port=arguments.web_port, open_browser=False)
    log_rollout(record, recording, progress=progress)
    print(f"http://localhost:{arguments.web_port}/?url={quote(data, safe='')}", flush=True)
    wait_for_ctrl_c()
    recording.disconnect()


def check_ports(*ports: int) -> None:
    """Raises ValueError naming a port that another program listens on; rerun itself would not say."""
    for port in ports:
        with socket.socket() as tried:
            try:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind(("0.0.0.0", port))
            except OSError as error:
                raise ValueError(f"[cli::view] port {port}: expected a free port, got {error.strerror}") from error


def wait_for_ctrl_c() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
