"""Give a tracking server its experiments, registered models and roles, and users their role.

Run it as the administrator, from the project's folder, before anyone trains: whoever creates an experiment or a
registered model may do anything with it. Running it again changes nothing but adds what is new.

    MLFLOW_TRACKING_URI=https://mlflow.example MLFLOW_TRACKING_USERNAME=admin MLFLOW_TRACKING_PASSWORD=… \
        python -m deploy.bootstrap trainer=tara promoter=paul reader=rita
"""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING

from digits.errors import DigitsError
from digits.params import load_params
from digits.program import one_line_errors
from digits.registry.history import CANDIDATES_EXPERIMENT, EXPERIMENT
from digits.registry.versions import Registry
from digits.tracking import address, store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment
    from mlflow.server.auth.client import AuthServiceClient

# Without workspaces, all is in this one.
_WORKSPACE = "default"
ROLES = ("reader", "trainer", "promoter")


def main(arguments: list[str]) -> None:
    """Set the server up, and print the password of each new user once.

    Args:
        arguments: `role=user` each.

    Raises:
        DigitsError: an argument is no such pair, or the store is no server with users.
    """
    wanted = [tuple(argument.partition("=")[::2]) for argument in arguments]
    for role, user in wanted:
        if role not in ROLES or not user:
            raise DigitsError(f"{role}={user}: write ROLE=USER, where ROLE is {', '.join(ROLES)}")
    if not address.is_server(address.tracking_uri()):
        raise DigitsError("roles are for a tracking server: set MLFLOW_TRACKING_URI")
    names = load_params().register_
    if not names.candidates_name:
        raise DigitsError("register.candidates_name is empty: without it, whoever may register may promote as well")
    client = store.connect()
    from mlflow.server import get_app_client

    users = get_app_client("basic-auth", tracking_uri=address.tracking_uri())
    roles = _roles(users, _rights(client, Registry(client, names.model_name, names.candidates_name)))
    for role, user in wanted:
        password = _user(users, user)
        if roles[role] not in {one.id for one in users.list_user_roles(user)}:
            users.assign_role(user, roles[role])
        print(f"{role} {user}" + (f" {password}" if password else " (has a password)"))


def _rights(client: MlflowClient, registry: Registry) -> dict[str, list[tuple[str, str]]]:
    """What each role may write, as kind and id; all of it is made here. The server lets every user read."""
    assert registry.candidates is not None
    registry.create()
    registry.candidates.create()
    experiments: list[Experiment] = store.all_pages(client.search_experiments)
    ids = {one.name: one.experiment_id for one in experiments}
    ids |= {name: store.experiment_id(client, name) for name in (store.MONITORING, store.SWEEPS)}
    trainers = (store.EXPERIMENT, store.MONITORING, store.SWEEPS, CANDIDATES_EXPERIMENT)
    train = [("experiment", ids[name]) for name in trainers]
    train.append(("registered_model", registry.candidates.name))
    promote = [("experiment", ids[EXPERIMENT]), ("registered_model", registry.name)]
    return {"reader": [], "trainer": train, "promoter": train + promote}


def _roles(users: AuthServiceClient, rights: dict[str, list[tuple[str, str]]]) -> dict[str, int]:
    """The ids of the roles, which are made, with their rights."""
    present = {role.name: role.id for role in users.list_roles(_WORKSPACE)}
    for name, things in rights.items():
        if name not in present:
            present[name] = users.create_role(_WORKSPACE, name).id
        has = {(one.resource_type, one.resource_pattern) for one in users.list_role_permissions(present[name])}
        for kind, which in things:
            if (kind, which) not in has:
                users.add_role_permission(present[name], kind, which, "EDIT")
    return present


def _user(users: AuthServiceClient, name: str) -> str | None:
    """Make a user. Returns the password, or None for one who exists."""
    from mlflow.exceptions import MlflowException

    password = secrets.token_urlsafe(18)
    try:
        users.create_user(name, password)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return None
    return password


if __name__ == "__main__":
    with one_line_errors("bootstrap"):
        main(sys.argv[1:])
