#!/usr/bin/env bash
# Install the kibitz of this very version of the action, apart from everything in the job.
#
# Nothing of the repository under review may run: Python is isolated (-I) from the current folder,
# from PYTHONPATH and from the user's packages, and pip installs what stands beside this file.
set -euo pipefail

source_folder="$GITHUB_ACTION_PATH/../.."
home="$RUNNER_TEMP/kibitz-review/python"

"$PYTHON" -I -m venv "$home"
scripts="$home/bin"
[ -d "$scripts" ] || scripts="$home/Scripts"
# The locked versions, with their hashes; then kibitz itself, with nothing left to look up.
"$scripts/python" -I -m pip install --quiet --disable-pip-version-check \
    --require-hashes -r "$source_folder/requirements/run.txt"
"$scripts/python" -I -m pip install --quiet --disable-pip-version-check \
    --no-deps --no-build-isolation "$source_folder"
echo "command=$scripts/kibitz" >> "$GITHUB_OUTPUT"
