"""`digits sign`"""

import typer

from digits.cli.app import ModelArgument, SignKeyOption, open_registry


def sign(model: ModelArgument = "champion", key: SignKeyOption = None) -> None:
    """Sign a registered version that is champion already, or that was signed by another key.

    Example: `digits sign champion --key digits-signing.pem`
    """
    from digits.registry import sign as act
    from digits.registry.resolve import resolve_version
    from digits.registry.signature import private_key

    if key is None:
        raise typer.BadParameter("name a private key, here or as DIGITS_SIGNING_KEY", param_hint="--key")
    secret = private_key(key)
    registry = open_registry()
    number = resolve_version(model, registry)
    act.sign(registry, number, secret)
    typer.echo(f"digits: version {number} is signed")
