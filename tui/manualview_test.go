package tui

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dutyops/dutyops/tui/demo"
)

func TestCommandsForAPersonAreShownAndWrittenDown(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, 160, 40, Options{ReportDir: dir}, demo.Options{})
	r.w.APIDown = true
	r.down()
	r.press("f", "p")
	r.want("By hand: failover", "way there", "shell commands for cloudflare", "input for nsupdate", "does not answer", "198.51.100.20")
	r.press("tab")
	r.want("way back", "192.0.2.10")
	r.press("o")
	r.want("Written: " + dir)
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) != 4 {
		t.Errorf("%v, %v", files, err)
	}
	for _, f := range files {
		if st, err := os.Stat(f); err != nil || st.Mode().Perm() != 0o600 || st.Size() == 0 {
			t.Errorf("%s: %v, %v", f, st, err)
		}
	}
}
