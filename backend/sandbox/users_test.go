package sandbox

import (
	"errors"
	"testing"
	"time"
)

func newBooks(stations ...string) *crowd {
	c := &crowd{stations: map[string]*station{}, servedBy: map[string]int64{}}
	for _, s := range stations {
		c.stations[s] = &station{now: "none"}
	}
	return c
}

func TestOutagesAreCountedFromFirstFailureToNextSuccess(t *testing.T) {
	c := newBooks("PVG", "SHA")
	t0 := time.Unix(1000, 0)
	at := func(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }
	bad := errors.New("refused")

	c.count("PVG", "primary", nil, at(0), at(0.1))
	c.count("SHA", "primary", nil, at(0), at(0.1))
	c.count("PVG", "", bad, at(1), at(1.5)) // PVG is out from 1
	c.count("PVG", "", bad, at(2), at(2.5))
	u := c.report(at(3))
	if u.OutageMS != 2000 || u.LongestOutageMS != 2000 || u.Now != "primary" || u.Failed != 2 || u.Requests != 4 {
		t.Errorf("during the outage of one station: %+v", u)
	}
	c.count("SHA", "", bad, at(3), at(3.5)) // SHA is out from 3
	if u := c.report(at(4)); u.Now != "none" || u.OutageMS != 3000 {
		t.Errorf("nobody is served: %+v", u)
	}
	c.count("PVG", "standby", nil, at(5), at(5.5))  // PVG: 1 to 5.5
	c.count("SHA", "standby", nil, at(6), at(6.25)) // SHA: 3 to 6.25
	u = c.report(at(100))
	if u.OutageMS != 5250 || u.LongestOutageMS != 4500 || u.Now != "standby" {
		t.Errorf("after it: %+v; want 1 to 6.25 in total, 4.5 s at the longest", u)
	}
	if s := u.Stations["SHA"]; s.OutageMS != 3250 || s.Failed != 1 || s.Problem != "refused" {
		t.Errorf("SHA %+v", s)
	}
	if u.ServedBy["primary"] != 2 || u.ServedBy["standby"] != 2 {
		t.Errorf("served by %v", u.ServedBy)
	}
	c.count("PVG", "", bad, at(200), at(200.1))
	c.count("PVG", "standby", nil, at(201), at(201))
	if u := c.report(at(300)); u.OutageMS != 6250 || u.LongestOutageMS != 4500 {
		t.Errorf("a second, shorter outage: %+v", u)
	}
}
