#!/usr/bin/env bash
# Ends the labs that `make lab`, `make lab-full` and `make integration` keep up, with all
# their servers, and removes the folders that killed ones left behind. A lab that somebody
# else's test runs is left alone. With arguments: only these folders.
set -euo pipefail

in_use() { grep -q "@dutyops-lab/dir$1\$" /proc/net/unix; }

# end_rest FOLDER: ends what lives in a folder that is in use no longer. Servers die with
# their lab; what they started themselves does not always.
end_rest() {
	local environ pid
	for environ in /proc/[0-9]*/environ; do
		# A server's home, or a test's folder for temporary files, is in it.
		if { tr '\0' '\n' <"$environ" | grep -qE "^(HOME|TMPDIR)=$1(/|\$)"; } 2>/dev/null; then
			pid=${environ#/proc/}
			kill -KILL "${pid%/environ}" 2>/dev/null || true
		fi
	done
}

if (($#)); then
	folders=("$@")
else
	folders=("${TMPDIR:-/tmp}"/dutyops-lab-*)
fi
for dir in "${folders[@]}"; do
	[[ -d $dir ]] || continue
	((EUID == 0)) || [[ -O $dir ]] || continue # another account's
	if in_use "$dir"; then
		pid=$(cat "$dir/lab.pid" 2>/dev/null) || continue
		echo "ending $dir"
		kill "$pid" 2>/dev/null || true # it may just have ended
		for ((i = 0; i < 600; i++)); do
			in_use "$dir" || break
			sleep 0.1
		done
		! in_use "$dir" || {
			echo "test/lab/down.sh: process $pid does not end; end it by hand (kill -9 $pid), its servers end with it" >&2
			exit 1
		}
	fi
	end_rest "$dir"
	if [[ -d $dir ]]; then
		rm -rf "$dir"
		(($#)) || echo "removed $dir"
	fi
done
