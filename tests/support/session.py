"""A person at a terminal in a project."""

import sys

import pytest


class Session:
    """Runs `digits` within this process, which saves the imports of some thirty processes, in a project's folder."""

    def __init__(self, project, monkeypatch, capsys):
        self.project, self.capsys = project, capsys
        monkeypatch.chdir(project.folder)
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def digits(self, *arguments, code=0):
        """Run a command, which must end with `code`, None for any. Returns what it printed."""
        from digits.cli import app
        from digits.cli.__main__ import main

        app.open_registry.cache_clear()
        sys.argv = ["digits", *arguments]
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        self.out, self.err = self.capsys.readouterr()
        assert code is None or (ended.value.code or 0) == code, (arguments, self.out, self.err)
        return self.out

    def experiment(self, name, *settings):
        """`dvc exp run`; returns the stages that ran."""
        words = [word for setting in settings for word in ("-S", setting)]
        return self.project.stages_run(self.project.run("dvc", "exp", "run", "-n", name, *words))

    def registry(self):
        from digits.registry.versions import Registry
        from digits.tracking.store import connect

        return Registry(connect(), "digits")

    def aliases(self):
        return self.registry().aliases()
