//go:build integration

package lab

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dutyops/dutyops/backend/config"
)

func start(t *testing.T) (context.Context, *Lab) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	l, err := Start(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	t.Logf("lab ready in %s", l.Took.Round(time.Millisecond))
	return ctx, l
}

// nsupdate runs Debian's own client.
func nsupdate(ctx context.Context, l *Lab, key, script string) (string, error) {
	host, port, err := split(l.DNS.Authority)
	if err != nil {
		return "", err
	}
	args := []string{}
	if key != "" {
		args = append(args, "-y", "hmac-sha256:"+KeyName+":"+key)
	}
	cmd := exec.CommandContext(ctx, "nsupdate", args...)
	cmd.Stdin = strings.NewReader(fmt.Sprintf("server %s %d\nzone %s.\n%ssend\n", host, port, Zone, script))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

// The lab itself: what the story relies on, checked with foreign tools.
func TestLabStandsAndItsKeyMayOnlySwitchAddresses(t *testing.T) {
	ctx, l := start(t)
	if _, err := config.Load(l.Config); err != nil {
		t.Fatalf("the configuration the lab writes is not valid: %v", err)
	}
	pvg := l.Domains[0].Name
	swap := fmt.Sprintf("prereq yxrrset %[1]s. IN A 127.0.0.11\nupdate delete %[1]s. A\nupdate add %[1]s. 2 A 127.0.0.12\n", pvg)
	if out, err := nsupdate(ctx, l, "", swap); err == nil || !strings.Contains(out, "REFUSED") {
		t.Errorf("an unsigned update: %v, %s", err, out)
	}
	if out, err := nsupdate(ctx, l, l.DNS.TSIG, "update add "+pvg+". 2 TXT x\n"); err == nil || !strings.Contains(out, "REFUSED") {
		t.Errorf("the switching key may write TXT: %v, %s", err, out)
	}
	if out, err := nsupdate(ctx, l, l.DNS.TSIG, swap); err != nil {
		t.Fatalf("a signed update: %v, %s", err, out)
	}
	if out, err := nsupdate(ctx, l, l.DNS.TSIG, swap); err == nil || !strings.Contains(out, "NXRRSET") {
		t.Errorf("the same update again: %v, %s; want the prerequisite to refuse it", err, out)
	}
	if got, err := Lookup(ctx, l.DNS.Authority, pvg); err != nil || !slices.Equal(got, []string{"127.0.0.12"}) {
		t.Fatalf("the authority says %v, %v", got, err)
	}
	if err := Await(ctx, 10*time.Second, "the resolver forgets, the standby serves", func(ctx context.Context) string {
		site, err := Call(ctx, l.DNS.Resolver, l.Port, pvg)
		if err != nil || site != "standby" {
			return fmt.Sprintf("served by %s, %v", site, err)
		}
		return ""
	}); err != nil {
		t.Fatal(err)
	}
	if s := l.Users.Seen(); s.Failed != 0 || s.ServedBy["primary"] == 0 {
		t.Errorf("users saw %+v", s)
	}
}

func TestLabGatewayAnswersForItselfAndUsersSeeTheOutage(t *testing.T) {
	ctx, l := start(t)
	l.Primary.Maria.Kill()
	if err := Await(ctx, 10*time.Second, "users see the outage", func(context.Context) string {
		if s := l.Users.Seen(); s.Now != "none" {
			return "served by " + s.Now
		}
		return ""
	}); err != nil {
		t.Fatal(err)
	}
	if err := healthy(ctx, l.Gateways["primary"].URL+"/healthz"); err != nil {
		t.Errorf("the gateway's own health depends on MariaDB: %v", err)
	}
	if err := healthy(ctx, l.business["primary"].URL+"/healthz"); err == nil {
		t.Error("monitoring says it is healthy without its store")
	}
	if err := l.Primary.Maria.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := Await(ctx, 10*time.Second, "users are served again", func(context.Context) string {
		if s := l.Users.Seen(); s.Now != "primary" || s.LongestOutage == 0 {
			return fmt.Sprintf("%+v", s)
		}
		return ""
	}); err != nil {
		t.Fatal(err)
	}
}
