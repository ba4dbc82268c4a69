#!/bin/sh
# Installs Splash 3.5 into DIR (default .cache/splash), separate from the project's own packages.
# Its engine is a package of Debian or Ubuntu: apt-get install --no-install-recommends python3-pyqt5.qtwebkit fonts-dejavu-core
set -eu
dir=${1:-.cache/splash}
# The package's PyQt5 is built for the system's Python, which may not be the first on PATH.
python=/usr/bin/python3
qt=$($python -c 'import os, PyQt5.QtWebKit as q; print(os.path.dirname(q.__file__))') || {
  echo "Splash needs QtWebKit: apt-get install --no-install-recommends python3-pyqt5.qtwebkit fonts-dejavu-core" >&2
  exit 1
}
$python -m venv "$dir"
"$dir/bin/python" -m pip install --quiet --disable-pip-version-check splash==3.5 lupa==2.8
ln -sfn "$qt" "$("$dir/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/PyQt5"
touch "$dir/installed"
