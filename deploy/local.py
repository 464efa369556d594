"""A whole tracking server on this machine alone, in a folder of its own: PostgreSQL, MLflow with users, Caddy with TLS.

For the demo, the tests and the benchmark: what deploy/ sets up, but started by hand and ended without a trace. It needs
Debian's postgresql and caddy, and an environment with the extra `team`. As root, PostgreSQL runs as user postgres.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import requests

from digits.errors import DigitsError

HERE = Path(__file__).parent
ADMIN = "admin"
_PATIENCE = 240.0


class LocalServer:
    """The server; a context manager that starts and ends it.

    Attributes:
        folder: of everything that it keeps.
        uri: of the tracking server, behind TLS.
        certificate: of the authority that signed the server's.
        database: address of the tracking database.
        users_database: address of that of users and permissions.
        artifacts: the folder of artifacts.
        admin_password: of the user `admin`.
    """

    def __init__(self, folder: Path, workers: int = 2) -> None:
        """Choose ports and passwords. Nothing is started yet.

        Args:
            folder: empty, or of an earlier server.
            workers: processes of MLflow.

        Raises:
            DigitsError: PostgreSQL, Caddy or a package of the extra `team` is not installed.
        """
        self.folder = folder.resolve()
        self.artifacts = self.folder / "artifacts"
        self._workers = workers
        self._ports = [_free_port() for _ in range(3)]
        self._password, self.admin_password = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._programs = _programs()
        self.uri = f"https://localhost:{self._ports[2]}"
        self.certificate = self.folder / "caddy/caddy/pki/authorities/local/root.crt"
        self.database, self.users_database = (self._address(name) for name in ("mlflow", "mlflow_auth"))

    def __enter__(self) -> LocalServer:
        try:
            self.start_database()
            self.start_server()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start_database(self) -> None:
        """Start PostgreSQL, with two empty databases if there are none."""
        self.folder.mkdir(parents=True, exist_ok=True)
        data = self.folder / "postgres"
        # Only its own user may look into it; on the way there, anybody may pass.
        owner: dict[str, Any] = {}
        if os.geteuid() == 0:
            owner = {"user": "postgres", "group": "postgres", "extra_groups": []}
            for folder in (self.folder, *self.folder.parents):
                if folder.stat().st_uid == 0 and folder.stat().st_mode & 0o001 == 0:
                    folder.chmod(folder.stat().st_mode | 0o011)
        if not data.exists():
            data.mkdir(mode=0o700)
            password = self.folder / "password"
            password.write_text(self._password)
            if owner:
                for path in (data, password):
                    shutil.chown(path, "postgres", "postgres")
            command = [self._programs["initdb"], "-D", str(data), "-U", "mlflow", "--auth=scram-sha-256"]
            self._call([*command, f"--pwfile={password}", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"], **owner)
            password.unlink()
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        settings = [text for key, value in options.items() for text in ("-c", f"{key}={value}")]
        command = [self._programs["postgres"], "-D", str(data), "-p", str(self._ports[0]), *settings]
        self._start("postgres", command, {}, **owner)
        self._wait("postgres", lambda: self.sql("SELECT 1", "postgres") == "1")
        for name in ("mlflow", "mlflow_auth"):
            if self.sql(f"SELECT count(*) FROM pg_database WHERE datname = '{name}'", "postgres") == "0":
                self.sql(f"CREATE DATABASE {name}", "postgres")

    def start_server(self) -> None:
        """Start MLflow and Caddy, and wait until they answer."""
        ini = (HERE / "auth.ini").read_text()
        ini = re.sub(r"(?m)^database_uri = .*$", f"database_uri = {_with_driver(self.users_database)}", ini)
        (self.folder / "auth.ini").write_text(ini)
        settings = _settings(HERE / "server.env") | {
            "MLFLOW_PORT": str(self._ports[1]),
            "MLFLOW_WORKERS": str(self._workers),
            "MLFLOW_BACKEND_STORE_URI": _with_driver(self.database),
            "MLFLOW_ARTIFACTS_DESTINATION": str(self.artifacts),
            "MLFLOW_AUTH_CONFIG_PATH": str(self.folder / "auth.ini"),
            "MLFLOW_AUTH_ADMIN_PASSWORD": self.admin_password,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_urlsafe(24),
        }
        self.artifacts.mkdir(exist_ok=True)
        self._start("mlflow", [self._programs["mlflow"], "server", "--app-name", "basic-auth"], settings)
        caddy = {
            "DIGITS_HOST": f"localhost:{self._ports[2]}",
            "MLFLOW_ADDRESS": f"127.0.0.1:{self._ports[1]}",
            "XDG_DATA_HOME": str(self.folder / "caddy"),
            "XDG_CONFIG_HOME": str(self.folder / "caddy"),
        }
        run = ["run", "--config", str(HERE / "Caddyfile"), "--adapter", "caddyfile"]
        self._start("caddy", [self._programs["caddy"], *run], caddy)
        self._wait("mlflow", self._answers)

    def stop(self) -> None:
        """End all that was started, the last first."""
        while self._processes:
            process = self._processes.pop()
            for number in (signal.SIGINT, signal.SIGKILL):
                if process.poll() is None:
                    os.killpg(process.pid, number)
                    try:
                        process.wait(20)
                    except subprocess.TimeoutExpired:
                        continue

    def stop_server(self) -> None:
        """End MLflow and Caddy alone."""
        database, self._processes = self._processes[:1], self._processes[1:]
        self.stop()
        self._processes = database

    def client(self, user: str = ADMIN, password: str = "") -> dict[str, str]:
        """The variables with which a user's `digits` finds the server."""
        return {
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_TRACKING_USERNAME": user,
            "MLFLOW_TRACKING_PASSWORD": password or self.admin_password,
            "MLFLOW_TRACKING_SERVER_CERT_PATH": str(self.certificate),
        }

    def sql(self, query: str, database: str = "mlflow") -> str:
        """The answer of PostgreSQL to a query, as text."""
        return self._call([self._programs["psql"], "-XAtq", "-c", query, self._address(database)]).strip()

    def listening(self) -> list[tuple[str, str]]:
        """Name of the process and address, as `ss -ltnp` shows them, of each socket on which a part of it listens."""
        pids = {process.pid for process in self._processes}
        pids |= {child.pid for pid in set(pids) for child in psutil.Process(pid).children(recursive=True)}
        found = set()
        for line in self._call(["ss", "-ltnpH"]).splitlines():
            if pids & {int(pid) for pid in re.findall(r"pid=(\d+)", line)}:
                name = re.search(r'"([^"]+)"', line)
                found.add((name[1] if name else "", line.split()[3]))
        return sorted(found)

    def log(self, name: str) -> str:
        """What a part said: postgres, mlflow or caddy."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _address(self, database: str) -> str:
        return f"postgresql://mlflow:{self._password}@127.0.0.1:{self._ports[0]}/{database}"

    def _answers(self) -> bool:
        return requests.get(f"{self.uri}/health", verify=str(self.certificate), timeout=5).text == "OK"

    def _start(self, name: str, command: Sequence[str], settings: Mapping[str, str], **owner: Any) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PG"))}
        environment |= settings
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    command, env=environment, cwd=self.folder, stdout=log, stderr=log, start_new_session=True, **owner
                )
            )

    def _call(self, command: Sequence[str], **owner: Any) -> str:
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, **owner)
        if done.returncode:
            raise DigitsError(f"{command[0]}: {done.stderr.strip() or done.returncode}")
        return done.stdout

    def _wait(self, name: str, is_ready: Any) -> None:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                if is_ready():
                    return
            except (DigitsError, requests.RequestException, OSError):
                pass
            if time.monotonic() > end or self._processes[-1].poll() is not None:
                raise DigitsError(f"{name} does not start: {self.log(name)[-2000:]}")
            time.sleep(0.2)


def _programs() -> dict[str, str]:
    """The programs that are needed, and where they are."""
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    places = [str(Path(sys.executable).parent), *map(str, reversed(servers)), os.environ.get("PATH", "")]
    found = {}
    for name in ("initdb", "postgres", "psql", "pg_dump", "pg_restore", "caddy", "mlflow", "ss"):
        program = shutil.which(name, path=os.pathsep.join(places))
        if program is None:
            raise DigitsError(f"{name} is not installed: `apt-get install postgresql caddy iproute2` (Debian)")
        found[name] = program
    return found


def _settings(file: Path) -> dict[str, str]:
    """The variables of a file for systemd."""
    lines = (line.partition("=") for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in lines}


def _with_driver(uri: str) -> str:
    return uri.replace("postgresql://", "postgresql+psycopg://", 1)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
