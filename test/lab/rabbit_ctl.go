//go:build integration

package lab

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// Ctl runs rabbitmqctl against the node, for tests that need to break something that
// the management interface cannot break.
func (r *Rabbit) Ctl(ctx context.Context, args ...string) error {
	ctl := filepath.Join(filepath.Dir(r.proc.args[0]), "rabbitmqctl")
	cmd := exec.CommandContext(ctx, ctl, append([]string{"--quiet"}, args...)...) //nolint:gosec // the lab's own command
	cmd.Dir = r.proc.dir
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + r.proc.dir, "LC_ALL=C.UTF-8"}, r.proc.env...)
	unprivileged(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("rabbitmqctl %v: %w\n%s", args, err, out)
	}
	return nil
}
