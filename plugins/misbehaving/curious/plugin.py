"""Asks for what no plugin is given. What it gets goes into its rows, so that a test can see it. It imports what it needs before it is made a
component: there are no files to import from afterwards."""

import os
import random
import socket
import time
import uuid
from datetime import datetime, timezone

from gristmill import Config, Context, Input, Row, capture, column, log, plugin, setting


class Settings(Config):
    asks: str = setting("time,random", "What it asks for: time, random, sleep, print, environment, file, write, socket, name, exit")


class Team(Input, documents="teams/{team}"):
    team: str = capture()


class Answer(Row, table="answers", key=["team", "asked"]):
    """What it got."""

    team: str
    asked: str
    answer: str = column("The value, or the error.")


def now() -> str:
    return f"{datetime.now(timezone.utc).isoformat()} {time.monotonic()} {time.time()}"


def numbers() -> str:
    return f"{os.urandom(8).hex()} {uuid.uuid4()} {random.SystemRandom().random()} {random.random()}"


def sleep() -> str:
    time.sleep(3600)
    return "slept"


def say() -> str:
    print("printed by the plugin")
    log.warn("logged by the plugin")
    return "printed"


def environment() -> str:
    # What was read when the component was made tells nothing of the machine that runs it, so the interpreter is asked to read it again.
    os.reload_environ()
    return repr(sorted(os.environ))


def read_file() -> str:
    with open("/etc/passwd", encoding="utf-8") as file:
        return file.read()


def write_file() -> str:
    with open("left-behind", "w", encoding="utf-8") as file:
        return str(file.write("x"))


def connect() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.connect(("127.0.0.1", 9))
        return "connected"


def look_up() -> str:
    return repr(socket.getaddrinfo("localhost", 80))


def leave() -> str:
    os._exit(3)


ASKED = {
    "time": now,
    "random": numbers,
    "sleep": sleep,
    "print": say,
    "environment": environment,
    "file": read_file,
    "write": write_file,
    "socket": connect,
    "name": look_up,
    "exit": leave,
}


@plugin(name="curious", version="0.1.0", summary="Asks for what no plugin is given.")
def ask(team: Team, context: Context[Settings]) -> list[Answer]:
    rows = []
    for asked in context.config.asks.split(","):
        try:
            answer = ASKED[asked]()
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        rows.append(Answer(team=team.team, asked=asked, answer=answer))
    return rows
