#!/usr/bin/env bash
# Writes shell completions and man pages, made by the program itself, into the folder
# named by the first argument. goreleaser calls it before it packs.
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:?usage: packaging/extras.sh FOLDER}
rm -rf "$out"
mkdir -p "$out/completions" "$out/man"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
CGO_ENABLED=0 go build -o "$tmp/dutyops" ./cmd/dutyops

for shell in bash zsh fish; do
	"$tmp/dutyops" completion "$shell" >"$out/completions/dutyops.$shell"
done
# `man DIR` writes one page per verb.
"$tmp/dutyops" man "$out/man"
gzip --best --no-name "$out"/man/*.1
