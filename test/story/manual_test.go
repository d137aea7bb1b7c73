package story

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The commands that are printed for a person move the users, there and back, with dutyops
// cut off from the provider's API.
func TestCommandsForAPersonMoveTheUsers(t *testing.T) {
	w := start(t)
	var f struct {
		DNS struct {
			TokenFile string `json:"cloudflare_token_file"`
		} `json:"dns"`
	}
	b, err := os.ReadFile(filepath.Join(w.dir, "sandbox.json"))
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err != nil || f.DNS.TokenFile == "" {
		t.Fatalf("%v, %+v", err, f)
	}
	w.must(0, nil, "dns", "arm")
	token, err := os.ReadFile(f.DNS.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(mine, token, 0o600); err != nil {
		t.Fatal(err)
	}
	var m struct {
		Folder string `json:"folder"`
		Parts  []struct {
			File, Form, Text string
			Back             bool
		} `json:"parts"`
	}
	// From here on the API refuses this console; what it holds ready is all it has.
	if err := os.WriteFile(f.DNS.TokenFile, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.must(0, &m, "plan", "failover", "--to", "standby", "--manual", "--save", w.dir)
	if len(m.Parts) != 4 || m.Folder == "" {
		t.Fatalf("%+v", m)
	}
	made := 0
	for _, back := range []bool{false, true} {
		for _, p := range m.Parts {
			if p.Back != back || p.Form != "sh" {
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			c := exec.CommandContext(ctx, "sh", filepath.Join(m.Folder, p.File))
			c.Env = append(os.Environ(), "CLOUDFLARE_API_TOKEN_FILE="+mine)
			out, err := c.CombinedOutput()
			cancel()
			if err != nil {
				t.Fatalf("%s: %v: %s\n%s", p.File, err, out, p.Text)
			}
			w.usersServedBy(map[bool]string{false: "standby", true: "primary"}[back])
			made++
		}
	}
	if made != 2 {
		t.Errorf("%d scripts, want there and back: %+v", made, m.Parts)
	}
}
