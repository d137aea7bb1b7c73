package switching

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
)

// The picture is the first reading, or what a person accepts; a later reading does not
// replace it, a write ends it, and it is kept for other processes.
func TestPicture(t *testing.T) {
	_, _, s, ds, zc, _ := armedRig(t, 3)
	at := func(s *Switch) time.Time {
		t.Helper()
		ps := s.Pictures(ds, time.Time{})
		if len(ps) == 0 {
			return time.Time{}
		}
		if len(ps) != 1 || len(ps[0].Sets) != 6 || len(ps[0].Names) != 3 {
			t.Fatalf("%+v", ps)
		}
		return ps[0].At
	}
	s.Arm(t.Context(), ds)
	first := at(s)
	s.Arm(t.Context(), ds)
	if got := at(s); first.IsZero() || !got.Equal(first) {
		t.Errorf("a later reading is taken for the picture: %s, %s", first, got)
	}
	s.Accept(ds)
	accepted := at(s)
	if !accepted.After(first) {
		t.Errorf("accepted %s, first %s", accepted, first)
	}
	path := filepath.Join(t.TempDir(), "armed.json")
	if err := s.Keep(path); err != nil {
		t.Fatal(err)
	}
	o := s.opt
	o.Providers = map[string]dnsproviders.Provider{"rfc2136": s.opt.Providers["rfc2136"]}
	n, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if why := n.Recall(path); len(why) != 0 || !at(n).Equal(accepted) {
		t.Errorf("%v: another process has the picture of %s, want %s", why, at(n), accepted)
	}
	if ps := n.Pictures(ds, accepted.Add(time.Second)); len(ps) != 0 {
		t.Errorf("a picture from before the last switch: %+v", ps)
	}
	if _, err := s.Apply(t.Context(), zc); err != nil || !at(s).IsZero() {
		t.Errorf("after a write there is still a picture of %s, %v", at(s), err)
	}
}
