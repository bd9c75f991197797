"""Starts bqemulator at the port of the first argument, beside the Cloud Storage of the tests.

Two things of it do not suit a test. It downloads an extension of DuckDB for geography when it starts, which no row of ours has; and it
reads what is below gs:// from a folder, where the tests have a server.
"""

import os
import sys
import tempfile
import urllib.parse
import urllib.request

import duckdb

connect = duckdb.connect


class WithoutGeography:
    def __init__(self, connection):
        self.__dict__["connection"] = connection

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def execute(self, query, *arguments, **named):
        if query in ("INSTALL spatial", "LOAD spatial"):
            return self.connection
        return self.connection.execute(query, *arguments, **named)


duckdb.connect = lambda *arguments, **named: WithoutGeography(connect(*arguments, **named))

from bqemulator.cli import main  # noqa: E402
from bqemulator.jobs import executor  # noqa: E402

objects = tempfile.mkdtemp()


def downloaded(uri, _context):
    bucket, name = (urllib.parse.quote(part, safe="") for part in uri.removeprefix("gs://").split("/", 1))
    path = os.path.join(objects, name)
    with urllib.request.urlopen(f"{os.environ['STORAGE_EMULATOR_HOST']}/storage/v1/b/{bucket}/o/{name}?alt=media") as body:
        with open(path, "wb") as file:
            file.write(body.read())
    return path


executor._resolve_uri = downloaded
sys.argv = ["bqemulator", "start", "--rest-port", sys.argv[1], "--grpc-port", "0", "--project", "test-project", "--log-level", "warning"]
main()
