package sandbox

import (
	"context"
	"database/sql"
	"testing"
)

// A source that comes back while its replica has been promoted must not write on.
func TestASourceThatWasTakenOverComesBackReadOnly(t *testing.T) {
	s := world(t, Options{Rate: 50, UserRate: -1})
	const key = "business/monitoring-mysql"
	readOnly := func(i int) (on bool) {
		t.Helper()
		must(t, s.sites[i].admin(t.Context(), key, func(ctx context.Context, c *sql.Conn) error {
			return c.QueryRowContext(ctx, "SELECT @@read_only").Scan(&on)
		}))
		return on
	}
	down := Fault{Target: "primary/business", Kind: KindDown}

	must(t, s.Inject(t.Context(), down))
	must(t, s.Heal(t.Context(), ""))
	if readOnly(0) {
		t.Error("nobody took over, and yet the source came back read-only")
	}

	must(t, s.Inject(t.Context(), down))
	must(t, s.sites[1].admin(t.Context(), key, exec("STOP REPLICA", "SET GLOBAL read_only = 0")))
	must(t, s.Heal(t.Context(), "primary"))
	if !readOnly(0) {
		t.Error("the source came back as a second writer")
	}
	if readOnly(1) {
		t.Error("the promoted one lost its role")
	}
}
