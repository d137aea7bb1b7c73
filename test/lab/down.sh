#!/usr/bin/env bash
# Ends the labs that `make lab` and `make lab-full` keep up, with all their servers, and
# removes the folders that killed ones left behind. A lab that a test runs is left alone.
set -euo pipefail

in_use() { grep -qF "@dutyops-lab/dir$1" /proc/net/unix; }

for dir in "${TMPDIR:-/tmp}"/dutyops-lab-*; do
	[[ -d $dir ]] || continue
	if in_use "$dir"; then
		pid=$(cat "$dir/lab.pid" 2>/dev/null) || continue
		echo "ending $dir"
		kill "$pid"
		for ((i = 0; i < 600; i++)); do
			in_use "$dir" || break
			sleep 0.1
		done
		! in_use "$dir" || {
			echo "test/lab/down.sh: process $pid does not end; end it by hand (kill -9 $pid), its servers end with it" >&2
			exit 1
		}
	fi
	if [[ -d $dir ]]; then
		rm -rf "$dir"
		echo "removed $dir"
	fi
done
