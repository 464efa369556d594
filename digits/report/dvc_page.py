"""The page of `dvc plots show` and `dvc plots diff`, able to draw without the internet.

DVC's own page loads Vega from a content delivery network. This one carries Vega, taken from the package vl-convert.
Run `python -m digits.report.dvc_page` once in a working copy; `make setup` does.
"""

import subprocess
import sys
from pathlib import Path

from digits.errors import DigitsError
from digits.files import write_text
from digits.program import one_line_errors

TEMPLATE = Path(".dvc/plots/offline.html")
# DVC's charts are written for Vega-Lite 5.
_VEGA_LITE = "5.20"
# DVC fills in {refresh_tag} and {plot_divs}. Its third placeholder, {scripts}, is left out: it loads from the network.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{refresh_tag}
<title>digits: DVC plots</title>
<style>
  body { font-family: sans-serif; margin: 2em; }
  table { border-spacing: 15px; }
</style>
<script>VEGA</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def offline_page() -> str:
    """The template, about 0.9 MB of HTML with Vega, Vega-Lite and Vega-Embed inside."""
    import vl_convert

    # Without a snippet, vegaEmbed becomes a global, as DVC needs. The stub does not know that None is allowed.
    bundle = vl_convert.javascript_bundle(snippet=None, vl_version=_VEGA_LITE)  # type: ignore[arg-type]
    return _PAGE.replace("VEGA", bundle)


def install(root: Path) -> None:
    """Write the template under a working copy's `.dvc/plots` and name it in its local, uncommitted DVC configuration.

    The committed configuration cannot name it: in a clone that was not set up, the file is missing and DVC would fail.

    Raises:
        DigitsError: `root` is no DVC repository.
    """
    if not (root / ".dvc").is_dir():
        raise DigitsError(f"{root.resolve()} is no DVC repository: run from the project's folder")
    write_text(root / TEMPLATE, offline_page())
    command = [sys.executable, "-m", "dvc", "config", "--local", "plots.html_template", "plots/offline.html"]
    subprocess.run(command, cwd=root, check=True)


if __name__ == "__main__":
    with one_line_errors("dvc_page"):
        install(Path())
