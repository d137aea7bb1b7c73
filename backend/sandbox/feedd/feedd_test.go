package feedd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dutyops/dutyops/backend/sandbox/feedd"
)

func start(t *testing.T, o feedd.Options) *feedd.Feed {
	t.Helper()
	if o.Kinds == nil {
		o.Kinds = feedd.KnownKinds()
	}
	f, err := feedd.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func call(t *testing.T, method, url, token, body string, into any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatalf("%s %s: %q: %v", method, url, b, err)
		}
	}
	return resp.StatusCode
}

func TestMessagesArePagedInOrder(t *testing.T) {
	f := start(t, feedd.Options{Name: "airline", Seed: 7, Attached: "primary"})
	const sent = 1250 // more than are kept unpacked
	for range sent / 50 {
		f.Emit(50)
	}
	var got []feedd.Message
	for after := int64(0); ; {
		var p feedd.Page
		url := fmt.Sprintf("%s/messages?site=primary&after=%d&limit=100", f.URL(), after)
		if code := call(t, "GET", url, "", "", &p); code != 200 {
			t.Fatalf("status %d", code)
		}
		if p.LastSeq != sent || p.Feed != "airline" || p.Messages == nil {
			t.Fatalf("page %+v", p)
		}
		if len(p.Messages) == 0 {
			break
		}
		got = append(got, p.Messages...)
		after = p.Messages[len(p.Messages)-1].Seq
	}
	if len(got) != sent {
		t.Fatalf("%d messages over the wire, want %d", len(got), sent)
	}
	versions, kinds, ids := map[string]int64{}, map[string]int{}, map[string]bool{}
	for i, m := range got {
		if m.Seq != int64(i)+1 || m.Feed != "airline" {
			t.Fatalf("message %d: %+v", i, m)
		}
		versions[m.Flight]++
		if m.Version != versions[m.Flight] {
			t.Fatalf("%s: version %d after %d", m.Flight, m.Version, versions[m.Flight]-1)
		}
		if !json.Valid(m.Payload) || len(m.Payload) < 10 || ids[m.ID] {
			t.Fatalf("%+v: payload or id is no good", m)
		}
		ids[m.ID] = true
		kinds[m.Kind]++
	}
	if len(kinds) != 5 {
		t.Errorf("kinds %v, want all five", kinds)
	}
	if all := f.Sent(); !reflect.DeepEqual(all, got) {
		t.Error("Sent() is not what was handed out")
	}
	log := f.Log()
	if log.Feed != "airline" || len(log.Entries) != sent {
		t.Fatalf("the log of %s has %d entries", log.Feed, len(log.Entries))
	}
	for i, e := range log.Entries {
		if log.Kinds[e.Kind] != got[i].Kind || log.Flights[e.Flight] != got[i].Flight {
			t.Fatalf("entry %d is %+v, the message %+v", i, e, got[i])
		}
	}
}

func TestOnlyTheAttachedSiteIsServed(t *testing.T) {
	f := start(t, feedd.Options{Name: "airport", Token: "t0ken", Attached: "primary"})
	f.Emit(1)
	at := func(site string) int {
		return call(t, "GET", f.URL()+"/messages?site="+site, "", "", nil)
	}
	sw := func(token, body string) int {
		return call(t, "PUT", f.URL()+"/switch", token, body, nil)
	}
	if at("primary") != 200 || at("standby") != 409 || at("") != 400 {
		t.Fatal("attached to primary: primary 200, standby 409, nobody 400 expected")
	}
	if sw("", `{"attached":"standby"}`) != 401 || sw("wrong", `{"attached":"standby"}`) != 401 {
		t.Fatal("moved without the token")
	}
	if sw("t0ken", `{}`) != 400 || sw("t0ken", `nonsense`) != 400 || f.Attached() != "primary" {
		t.Fatal("a bad document must change nothing")
	}
	if sw("t0ken", `{"attached":""}`) != 200 || at("primary") != 409 {
		t.Fatal("cut: nobody must be served")
	}
	if sw("t0ken", `{"attached":"standby"}`) != 200 || at("standby") != 200 {
		t.Fatal("standby must be served")
	}
	var s feedd.Switch
	if call(t, "GET", f.URL()+"/switch", "", "", &s); s.Attached != "standby" {
		t.Fatalf("GET /switch: %+v", s)
	}
}

func TestSeedDecidesContent(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC) }
	text := func(name string, seed uint64) string {
		f := start(t, feedd.Options{Name: name, Seed: seed, Now: now})
		f.Emit(50)
		b, err := json.Marshal(f.Sent())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first, second := text("airline", 1), text("airline", 1)
	if first != second {
		t.Error("equal seeds gave different messages")
	}
	if first == text("airline", 2) || first == text("airport", 1) {
		t.Error("different seeds or names gave equal messages")
	}
}

func TestFeedsSpeakOfDifferentFlights(t *testing.T) {
	of := func(name string) map[string]bool {
		f := start(t, feedd.Options{Name: name, Seed: 1})
		f.Emit(2000)
		ids := map[string]bool{}
		for _, m := range f.Sent() {
			ids[m.Flight] = true
		}
		return ids
	}
	airline, airport := of("airline"), of("airport")
	for id := range airline {
		if airport[id] {
			t.Errorf("flight %s is in both feeds: its versions would collide", id)
		}
	}
	if len(airline) < 100 {
		t.Errorf("only %d flights", len(airline))
	}
}

func TestSteadyRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f := feedd.NewIdle(feedd.Options{Name: "airline", Kinds: []string{feedd.KindStands}})
		go feedd.Run(ctx, f, 12.5)
		time.Sleep(60*time.Second + time.Millisecond) // the bubble's clock
		synctest.Wait()
		if n := len(f.Sent()); n < 749 || n > 751 {
			t.Errorf("%d messages in a minute at 12.5/s, want 750", n)
		}
		cancel()
		synctest.Wait()
	})
}
