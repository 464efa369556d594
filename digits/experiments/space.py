"""The parameters that a search varies: choices and ranges for keys of section `train`, in a YAML file."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from digits.errors import DigitsError
from digits.experiments.results import SECTION, SEED, WORKERS
from digits.params import override, parse_params, read_params, setting

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_FORM = "write a list of choices, or {low: …, high: …} with log: true or step: … if wanted"


class Range(BaseModel):
    """Numbers from `low` to `high`, both included: whole ones if both ends are."""

    model_config = ConfigDict(extra="forbid", strict=True)

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _has_numbers(self) -> Range:
        if not self.low < self.high:
            raise ValueError("low must be below high")
        if self.log and self.low <= 0:
            raise ValueError("low must be above 0 with log: true")
        if self.log and self.step is not None:
            raise ValueError("log and step exclude each other")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are chosen."""
        return not any(isinstance(number, float) for number in (self.low, self.high, self.step))

    @property
    def ends(self) -> list[Any]:
        """The values that the schema has to accept; it takes those between as well."""
        return [self.low, self.high]

    def distribution(self) -> BaseDistribution:
        """As Optuna has it."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.is_whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)


_SPACE: TypeAdapter[dict[str, Range | list[Any]]] = TypeAdapter(dict[str, Range | list[Any]])


class Space:
    """What a search varies. `raw` is the file's content."""

    def __init__(self, raw: Any, name: str) -> None:
        """Check it.

        Args:
            raw: key → list of choices, or a mapping of `low` and `high`.
            name: of the file, for messages.

        Raises:
            DigitsError: it has another form, or keys of other sections.
        """
        try:
            self._keys = _SPACE.validate_python(raw)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"][:1])
            raise DigitsError(f"{name}: {where or 'the file'}: {first['msg'].lower()}: {_FORM}") from None
        if not self._keys:
            raise DigitsError(f"{name}: no parameter is named: {_FORM}")
        for key, values in self._keys.items():
            if not key.startswith(SECTION) or key in (SEED, WORKERS):
                raise DigitsError(f"{name}: {key}: only {SECTION}… can vary, and neither the seed nor the workers")
            if values == []:
                raise DigitsError(f"{name}: {key}: no choice is given")
        self.raw = raw

    def refuse_invalid(self, params: dict[str, Any], name: str) -> None:
        """Refuse a space with a value that the schema of params.yaml refuses.

        Args:
            params: the content of params.yaml.
            name: of the space's file, for messages.

        Raises:
            DigitsError: it has one.
        """
        for key, values in self._keys.items():
            for value in values if isinstance(values, list) else values.ends:
                changed = copy.deepcopy(params)
                override(changed, setting(key, value))
                parse_params(changed, name)

    def distributions(self) -> dict[str, BaseDistribution]:
        """As Optuna has them. A choice that is no single value is written as YAML."""
        from optuna.distributions import CategoricalDistribution

        return {
            key: CategoricalDistribution([_plain(value) for value in values])
            if isinstance(values, list)
            else values.distribution()
            for key, values in self._keys.items()
        }

    def values(self, settings: Mapping[str, str]) -> dict[str, Any]:
        """What was chosen, from its text.

        Args:
            settings: key → value as text, as `settings_of` writes it.
        """
        found: dict[str, Any] = {}
        for key, values in self._keys.items():
            if isinstance(values, list):
                plain = map(_plain, values)
                found[key] = next(value for value in plain if setting(key, value) == f"{key}={settings[key]}")
            else:
                found[key] = int(settings[key]) if values.is_whole else float(settings[key])
        return found

    def log_keys(self) -> set[str]:
        """The keys whose range is logarithmic."""
        return {key for key, values in self._keys.items() if isinstance(values, Range) and values.log}


def read_space(path: Path) -> Space:
    """Read a file.

    Raises:
        DigitsError: it is missing, no YAML, or as `Space`.
    """
    if not path.is_file():
        raise DigitsError(f"{path}: no such file: {_FORM}, for each key of `train`")
    return Space(read_params(path), str(path))


def settings_of(config: dict[str, Any]) -> list[str]:
    """Values that Optuna chose, as `section.key=value`. A float has four digits: more would say nothing to people."""
    plain = {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in config.items()}
    return [setting(key, value) for key, value in plain.items()]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value).replace(" ", "")
