package plain

import (
	"context"
	"fmt"
	"strings"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/tui/kit"
)

// dns says what every server answers, and then what is wrong with it.
func (s *session) dns(ctx context.Context) error {
	b, ds, err := s.face.CheckBoard(ctx)
	if err != nil {
		return err
	}
	for _, d := range ds {
		s.print(fmt.Sprintf("%s %s -> %s", d.Name, d.Type, orUnknown(d.PointsAt)))
		for i, list := range [][]backend.ServerAnswer{d.Authoritative, d.Resolvers} {
			kind := []string{s.tr.T("authoritative"), s.tr.T("resolver")}[i]
			for _, a := range list {
				line := fmt.Sprintf("  %s %s: %s %s TTL %d", kind, a.Server, strings.Join(a.Values, " "), a.Site, a.TTLS)
				if a.Error != "" {
					line = fmt.Sprintf("  %s %s: %s", kind, a.Server, s.told(a.Error))
				}
				if a.OldUntil != nil {
					line += " " + s.tr.T("old until %s", a.OldUntil.In(s.opt.Location).Format("15:04:05"))
				}
				s.print(line)
			}
		}
	}
	s.board(b)
	return nil
}

// board says how far a change has come, what users find, and what is wrong, worst last,
// where it is read.
func (s *session) board(b backend.DNSBoard) {
	for _, l := range b.Servers {
		if l.New == l.Total && l.Trait == "" {
			continue
		}
		line := fmt.Sprintf("  %s %d/%d", l.Server, l.New, l.Total)
		if !l.OldUntil.IsZero() {
			line += " " + s.tr.T("old until %s", l.OldUntil.In(s.opt.Location).Format("15:04:05"))
		}
		s.print(line)
	}
	if x := b.Services; x != nil {
		for _, l := range x.Lines {
			if l.State != "ok" {
				s.print(fmt.Sprintf("  %s %s: %s", l.Name, l.Address, s.told(l.Error)))
			}
		}
	}
	for i := len(b.Findings) - 1; i >= 0; i-- {
		f := b.Findings[i]
		text, do := f.In(func(sentence string) string { return s.tr.T("say|" + sentence) })
		s.print(fmt.Sprintf("%s: %s %s: %s", s.word("level", f.Level), f.Kind, f.Server, kit.Clean(text)))
		s.print("  " + do)
	}
	s.say("Authoritative servers: %d of %d answers are new (%d %%).", b.Authoritative.New, b.Authoritative.Total, b.Authoritative.Percent())
	s.say("Resolvers: %d of %d answers are new (%d %%).", b.Resolvers.New, b.Resolvers.Total, b.Resolvers.Percent())
	if x := b.Services; x != nil {
		s.say("Users: IPv4 %d of %d, IPv6 %d of %d are served.", x.IPv4.OK, x.IPv4.Total, x.IPv6.OK, x.IPv6.Total)
	}
	end := b.Forecast.At100.In(s.opt.Location).Format("15:04:05")
	switch f := b.Forecast; {
	case f.At100.IsZero():
	case f.AtLeast:
		s.say("Old answers at least until %s.", end)
	default:
		s.say("Old answers until %s.", end)
	}
}
