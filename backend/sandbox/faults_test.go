package sandbox

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/link"
)

// lab is a registry over two links and one switch, without servers behind them.
type lab struct {
	*registry
	kafka, mysql *link.Link
	readOnly     []bool // every call of the switch
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{registry: &registry{}}
	mk := func() *link.Link {
		k, err := link.New("127.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = k.Close() })
		return k
	}
	l.kafka, l.mysql = mk(), mk()
	l.addPart(part{target: "primary", kinds: linkKinds})
	l.addPart(part{target: "primary/data", kinds: linkKinds})
	l.addPart(part{target: "primary/data/kafka", kinds: linkKinds})
	l.addPart(part{target: "primary/data/mysql", kinds: linkKinds, own: switchable{
		KindReadOnly: func(on bool) error { l.readOnly = append(l.readOnly, on); return nil },
	}})
	l.addWire(l.kafka, "primary/data/kafka")
	l.addWire(l.mysql, "primary/data/mysql")
	return l
}

func (l *lab) modes(t *testing.T, kafka, mysql link.Mode) {
	t.Helper()
	if l.kafka.Mode() != kafka || l.mysql.Mode() != mysql {
		t.Errorf("kafka %s, mysql %s; want %s, %s", l.kafka.Mode(), l.mysql.Mode(), kafka, mysql)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFaultsNestAndTheWorstWins(t *testing.T) {
	l := newLab(t)
	slow := link.Slow(slowBy)
	must(t, l.inject(Fault{Target: "primary/data/kafka", Kind: KindSlow}))
	l.modes(t, slow, link.Pass)
	must(t, l.inject(Fault{Target: "primary", Kind: KindBlackhole}))
	l.modes(t, link.Blackhole, link.Blackhole)
	must(t, l.inject(Fault{Target: "primary/data", Kind: KindDown}))
	l.modes(t, link.Down, link.Down)
	must(t, l.heal("primary/data/mysql")) // holds no fault of its own
	l.modes(t, link.Down, link.Down)
	must(t, l.heal("primary/data")) // with what is in it: the slow kafka too
	l.modes(t, link.Blackhole, link.Blackhole)
	must(t, l.heal("primary"))
	l.modes(t, link.Pass, link.Pass)
	if got := l.list(); len(got) != 0 {
		t.Errorf("in force after healing all: %v", got)
	}
}

func TestHealOfASiteHealsWhatIsInIt(t *testing.T) {
	l := newLab(t)
	must(t, l.inject(Fault{Target: "primary/data/kafka", Kind: KindDown}))
	must(t, l.inject(Fault{Target: "primary/data/mysql", Kind: KindReadOnly}))
	must(t, l.heal("primary"))
	l.modes(t, link.Pass, link.Pass)
	if !slices.Equal(l.readOnly, []bool{true, false}) {
		t.Errorf("the switch was turned %v, want on and off", l.readOnly)
	}
}

func TestAFaultPutTwiceIsOne(t *testing.T) {
	l := newLab(t)
	f := Fault{Target: "primary/data/mysql", Kind: KindReadOnly}
	must(t, l.inject(f))
	must(t, l.inject(f))
	if got := l.list(); len(got) != 1 || len(l.readOnly) != 1 {
		t.Errorf("in force %v, switched %v", got, l.readOnly)
	}
	must(t, l.heal("primary/data/mysql"))
	if got := l.list(); len(got) != 0 {
		t.Errorf("in force %v", got)
	}
}

func TestATimedFaultEndsByItself(t *testing.T) {
	l := newLab(t)
	ended := make(chan Fault, 4)
	l.changed = func(f Fault, on bool) {
		if !on {
			ended <- f
		}
	}
	must(t, l.inject(Fault{Target: "primary/data/kafka", Kind: KindDown, For: "1ms"}))
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it did not end")
	}
	l.modes(t, link.Pass, link.Pass)

	// Prolonged to no end: the timer of the first must not end the second.
	must(t, l.inject(Fault{Target: "primary/data/kafka", Kind: KindDown, For: "1h"}))
	if got := l.list(); len(got) != 1 || !strings.HasPrefix(got[0].For, "1h0m0") && !strings.HasPrefix(got[0].For, "59m") {
		t.Errorf("in force %v, want an hour left", got)
	}
	must(t, l.inject(Fault{Target: "primary/data/kafka", Kind: KindDown}))
	if got := l.list(); len(got) != 1 || got[0].For != "" {
		t.Errorf("in force %v, want one without an end", got)
	}
}

func TestUnknownFaultsTellWhatThereIs(t *testing.T) {
	l := newLab(t)
	for _, tc := range []struct {
		f    Fault
		what string
		has  string
	}{
		{Fault{Target: "primary/data/kafak", Kind: KindDown}, "target", "primary/data/kafka"},
		{Fault{Target: "primary/data/kafka", Kind: "melted"}, "kind", KindBlackhole},
		{Fault{Target: "primary/data/kafka", Kind: KindReadOnly}, "kind", KindDown},
	} {
		err := l.inject(tc.f)
		var u *UnknownError
		if !errors.As(err, &u) || u.What != tc.what || !slices.Contains(u.Have, tc.has) || !strings.Contains(err.Error(), tc.has) {
			t.Errorf("%v: %v", tc.f, err)
		}
	}
	for _, d := range []string{"soon", "-1s", "0s"} {
		if err := l.inject(Fault{Target: "primary", Kind: KindDown, For: d}); err == nil {
			t.Errorf("for %q was taken", d)
		}
	}
	var u *UnknownError
	if err := l.heal("elsewhere"); !errors.As(err, &u) {
		t.Errorf("heal of an unknown target: %v", err)
	}
	l.modes(t, link.Pass, link.Pass)
}

func TestAFaultThatCannotBePutIsNotInForce(t *testing.T) {
	l := newLab(t)
	l.addPart(part{target: "primary/data/x", own: switchable{KindDiverge: func(on bool) error {
		if on {
			return errors.New("no")
		}
		return nil
	}}})
	if err := l.inject(Fault{Target: "primary/data/x", Kind: KindDiverge}); err == nil || len(l.list()) != 0 {
		t.Errorf("%v, in force %v", err, l.list())
	}
}

func TestKindsListTheirTargets(t *testing.T) {
	l := newLab(t)
	for _, k := range l.kinds() {
		if len(k.AppliesTo) == 0 || k.WhatUsersSee == "" {
			t.Errorf("%+v", k)
		}
		switch k.Kind {
		case KindDown:
			if !slices.Equal(k.AppliesTo, l.targets()) {
				t.Errorf("down applies to %v", k.AppliesTo)
			}
		case KindReadOnly:
			if !slices.Equal(k.AppliesTo, []string{"primary/data/mysql"}) {
				t.Errorf("read-only applies to %v", k.AppliesTo)
			}
		}
	}
}
