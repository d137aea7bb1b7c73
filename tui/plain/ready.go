package plain

import (
	"context"
	"time"

	"github.com/dutyops/dutyops/tui/kit"
)

// ready says what is held ready for a switch, and offers to read every zone now.
func (s *session) ready(ctx context.Context) error {
	r, err := s.face.Readiness(ctx)
	if err != nil {
		return err
	}
	t := s.tr
	for _, z := range r.Zones {
		s.print(t.T("%s at %s", z.Zone, z.Provider))
		switch {
		case z.Problem != "":
			s.print("  " + t.T("not read: %s", s.told(z.Problem)))
		case !z.Fresh:
			s.print("  " + t.T("read first, then written: %s", s.told(z.Why)))
		default:
			s.print("  " + t.T("a switch of now is made from the reading of %s ago: %d names, %d record sets", kit.Age(time.Duration(z.AgeS*float64(time.Second))), z.Names, z.Sets))
		}
		for _, d := range z.Drift {
			s.print("  " + t.T("its servers show otherwise: %s", kit.Clean(d)))
		}
		for _, d := range z.Differs {
			s.print("  " + t.T("not as at the first provider: %s", kit.Clean(d)))
		}
		switch p := z.Probe; {
		case !p.Can:
			s.print("  " + t.T("this provider has no write that changes nothing"))
		case p.At.IsZero():
			s.print("  " + t.T("no write was tried yet"))
		case p.OK:
			s.print("  " + t.T("a write went through %s ago: %s", kit.Age(r.At.Sub(p.At)), s.told(p.Detail)))
		default:
			s.print("  " + t.T("a write failed %s ago: %s", kit.Age(r.At.Sub(p.At)), s.told(p.Detail)))
		}
	}
	s.say("Type read to read every zone now, write to also try a write; an empty line goes back.")
	line, err := s.ask(ctx, "")
	if err != nil {
		return err
	}
	if line != "read" && line != "write" {
		return nil
	}
	if _, err := s.face.ArmDNS(ctx, line == "write"); err != nil {
		return err
	}
	s.say("Every zone was read.")
	return nil
}
