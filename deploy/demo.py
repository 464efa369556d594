"""A team at work, on this machine alone: `make team-demo`.

It starts PostgreSQL, MLflow with users and Caddy in a temporary folder, lets four people work in two clones on a small
sample, and checks what each step must show. All is deleted at the end.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.project import sample, support
from deploy.local import LocalServer
from digits.files import sha256_file
from digits.program import one_line_errors

ROOT = Path(__file__).parents[1]
USERS = {"tara": "trainer", "paul": "promoter", "petra": "promoter", "rita": "reader"}
# Warnings of TensorFlow, and lines that git, DVC and Keras write on the way.
_SHOWN = re.compile(
    r"^(digits:|register:|train:|evaluate:|promoter |trainer |reader |bootstrap:|champion|version).*", re.M
)


class Person:
    """Somebody with an account on the server, in a clone.

    Attributes:
        name: of the account.
        folder: of the clone.
        variables: with which `digits` finds the server.
    """

    def __init__(self, name: str, folder: Path, variables: Mapping[str, str], shown: bool = True) -> None:
        """Somebody whose `digits` finds the server by these variables, and whether what they do is printed."""
        self.name, self.folder, self.variables, self._shown = name, folder, variables, shown
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "GIT_", "DVC_"))}
        kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
        for role in ("AUTHOR", "COMMITTER"):
            kept |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": f"{name}@example.org"}
        self._environment = kept | dict(variables)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command and go on."""
        if self._shown:
            print(f"\n{self.name}$ {' '.join(command)}", flush=True)
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.folder, env=self._environment, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )

    def end(self, process: subprocess.Popen[str], code: int | None = 0) -> str:
        """Wait for a command and show what it says. Returns all of its output; another exit code ends the demo."""
        output = process.communicate()[0]
        lines = [f"  {line.group()}\n" for line in _SHOWN.finditer(output)]
        if self._shown:
            print("".join(lines), end="", flush=True)
        assert code in (None, process.returncode), f"{self.name}: exit code {process.returncode}\n{output}"
        assert "Traceback" not in output, output
        return output

    def run(self, *command: str, code: int = 0) -> str:
        """Run a command."""
        return self.end(self.start(*command), code)


class Team:
    """The people, and what they do; each step checks itself.

    Attributes:
        server: which all of them use.
        people: by name.
    """

    def __init__(self, folder: Path, server: LocalServer) -> None:
        """Two clones of the commit that is checked out, on the sample of the tests, with a common DVC remote."""
        self.server = server
        first, second = folder / "clone-1", folder / "clone-2"
        admin = Person("admin", first, server.client(), shown=False)
        data, values = sample()
        Person("admin", folder, {}, shown=False).run("git", "clone", "-q", "--shared", str(ROOT), str(first))
        source = {"fetch.sources": [{"kind": "folder", "path": str(data)}]}
        names = {"register.candidates_name": "digits-candidates"}
        support("project").change(first / "params.yaml", {**values, **source, **names, **_LIMITS})
        # It belongs to the real data.
        (first / "dvc.lock").unlink()
        admin.run("dvc", "remote", "add", "-q", "-d", "team", str(folder / "remote"))
        admin.run("git", "add", "-A")
        admin.run("git", "commit", "-qm", "Take the sample, and the team's remote")
        roles = [f"{role}={user}" for user, role in USERS.items()]
        said = admin.run(sys.executable, "-m", "deploy.bootstrap", *roles)
        print("\nadmin$ python -m deploy.bootstrap", *roles)
        admin.run("git", "clone", "-q", str(first), str(second))
        passwords = dict(re.findall(r"^\w+ (\w+) (\S+)$", said, re.M))
        clones = {"tara": first, "paul": first, "petra": second, "rita": second}
        self.people = {name: Person(name, clones[name], server.client(name, passwords[name])) for name in USERS}

    def champion(self) -> str:
        """The number of the champion in the database of the server."""
        return self.server.sql(
            "SELECT version FROM registered_model_aliases WHERE name = 'digits' AND alias = 'champion'"
        )

    def train(self, *settings: str) -> None:
        """The trainer trains, registers a candidate, and shares what she made."""
        tara = self.people["tara"]
        options = [text for one in settings for text in ("--set", one)]
        tara.run("digits", "repro", *options)
        tara.run("dvc", "push", "-q")
        tara.run("git", "add", "-A")
        tara.run("git", "commit", "-qm", " ".join(["Train", *settings]))

    def only_promoters_promote(self) -> None:
        """The trainer's and the reader's promotion is refused by the server; the promoter's is not."""
        before = self.champion()
        for name in ("tara", "rita"):
            said = self.people[name].run("digits", "promote", code=1)
            assert f"does not allow user {name} to promote" in said.splitlines()[-1], said
            assert self.champion() == before
        self.people["paul"].run("digits", "promote")
        assert self.champion() == "1"

    def nobody_gets_in_without_a_password(self) -> None:
        """A wrong password is one line."""
        person = Person("mallory", self.people["rita"].folder, self.server.client("mallory", "wrong"))
        said = person.run("digits", "history", code=1)
        assert "does not know user mallory with this password" in said and said.count("\n") == 1, said

    def second_clone_has_it_without_training(self) -> None:
        """The reader gets the data, sees run and version, and pulls the model, whose bytes are the trainer's."""
        rita, tara = self.people["rita"], self.people["tara"]
        rita.run("git", "pull", "-q")
        rita.run("dvc", "pull", "-q")
        for name in ("models/model.keras", "data/processed/dataset.json"):
            assert sha256_file(rita.folder / name) == sha256_file(tara.folder / name)
        assert "champion" in rita.run("digits", "compare", "champion", "--csv")
        assert "none → 1" in rita.run("digits", "history")
        rita.run("digits", "pull", "--to", "pulled")
        assert sha256_file(rita.folder / "pulled/model.keras") == sha256_file(tara.folder / "models/model.keras")

    def race(self) -> str:
        """Two promoters promote two candidates at the same time: one wins, the other gets a line. Returns that."""
        race = {"paul": "2", "petra": "3"}
        why = ("--force", "--reason", "a race")
        before = self.champion()
        started = {
            name: self.people[name].start("digits", "promote", f"models:/digits-candidates/{number}", *why)
            for name, number in race.items()
        }
        ended = {name: self.people[name].end(process, None) for name, process in started.items()}
        lost = [name for name, process in started.items() if process.returncode]
        assert len(lost) == 1, ended
        line = ended[lost[0]].splitlines()[-1]
        assert f"champion was moved meanwhile from version {before}" in line, line
        assert self.champion() != before
        return line

    def nothing_listens_elsewhere(self) -> None:
        """Every socket of the server is of 127.0.0.1."""
        found = self.server.listening()
        print("\nlistening (ss -ltnp):", *(f"  {name:10} {address}" for name, address in found), sep="\n")
        assert len(found) >= 3 and all(address.startswith("127.0.0.1:") for _, address in found), found


# The demo is about who may do what, not about models.
_LIMITS = {"register.promotion.latency_ratio": 1000.0, "train.epochs": 2, "register.gates.min_accuracy_low": 0.3}
_LIMITS |= {"register.gates.min_macro_f1": 0.3, "register.gates.max_calibration_error": 0.9, "plot.dpi": 50}


def main() -> None:
    """Run it all."""
    with tempfile.TemporaryDirectory(prefix="digits-team-") as scratch:
        folder = Path(scratch)
        print("Starting PostgreSQL, MLflow and Caddy on 127.0.0.1", flush=True)
        with LocalServer(folder / "server") as server:
            team = Team(folder, server)
            team.nothing_listens_elsewhere()
            team.train()
            team.only_promoters_promote()
            team.nobody_gets_in_without_a_password()
            team.second_clone_has_it_without_training()
            team.train("train.epochs=3")
            team.train("train.seed=7")
            team.people["petra"].run("git", "pull", "-q")
            team.people["petra"].run("dvc", "pull", "-q")
            team.race()
            team.people["rita"].run("digits", "history")
            team.nothing_listens_elsewhere()
    print("\nteam-demo: every step showed what it must; the server and the clones are deleted")


if __name__ == "__main__":
    with one_line_errors("team-demo"):
        main()
