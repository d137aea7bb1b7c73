package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dutyops/dutyops/backend"
	"github.com/dutyops/dutyops/failoverplan"
)

func (a *app) armCmd() *cobra.Command {
	var probe, watch bool
	c := &cobra.Command{
		Use: "arm", Short: "Read every zone and hold it ready, so that a switch is one request per zone (exit 3 when a zone cannot be read)",
		Args: cobra.NoArgs,
		RunE: a.withEngine(func(ctx context.Context, e *backend.Engine, _ []string) error {
			if watch && probe {
				return &usageError{errors.New("--watch and --probe-write: expected one of them; writes are tried in the background with dns.armed.probe_write in the configuration")}
			}
			if watch {
				return e.HoldReady(ctx, a.tellReadiness)
			}
			r, err := e.ArmDNS(ctx, probe)
			if err != nil {
				return err
			}
			if a.json() {
				err = a.printJSON(r)
			} else {
				a.printReadiness(r)
			}
			for _, z := range r.Zones {
				if err == nil && (z.Problem != "" || probe && z.Probe.Can && !z.Probe.OK) {
					return &quietError{code: codeNotWell}
				}
			}
			return err
		}),
	}
	c.Flags().BoolVar(&probe, "probe-write", false, "also write one record set of every zone as it is: proof that credential, rights and path would carry a switch")
	c.Flags().BoolVarP(&watch, "watch", "w", false, "keep it fresh (dns.armed) until interrupted, as the console does; with -o json one document per line")
	return c
}

// tellReadiness prints one of many states.
func (a *app) tellReadiness(r backend.Readiness) error {
	if a.json() {
		return a.printLine(r)
	}
	a.printf("%s\n", r.At.Local().Format("15:04:05"))
	a.printReadiness(r)
	return nil
}

func (a *app) printReadiness(r backend.Readiness) {
	for _, z := range r.Zones {
		state := "armed " + z.Armed.Format("15:04:05")
		switch {
		case z.Problem != "":
			state = "NOT READ: " + z.Problem
		case !z.Armable:
			state = z.Why
		case z.Armed.IsZero() || !z.Fresh:
			state += ", not fresh: " + z.Why
		default:
			state += fmt.Sprintf(", %.1f s ago", z.AgeS)
		}
		a.printf("%-30s %-12s %d names, %d record sets, %s\n", z.Zone, z.Provider, z.Names, z.Sets, state)
		for _, d := range append(z.Drift, z.Differs...) {
			a.printf("    drift: %s\n", d)
		}
		switch {
		case !z.Probe.Can:
			a.printf("    write probe: this provider has none\n")
		case z.Probe.At.IsZero():
			a.printf("    write probe: never made; `dutyops dns arm --probe-write` makes one\n")
		case z.Probe.OK:
			a.printf("    write probe: %s ago, %d ms: %s\n", r.At.Sub(z.Probe.At).Round(time.Second), z.Probe.TookMS, z.Probe.Detail)
		default:
			a.printf("    write probe: FAILED %s ago: %s\n", r.At.Sub(z.Probe.At).Round(time.Second), z.Probe.Detail)
		}
	}
	if r.To != "" {
		a.printf("roll back of a failover to %s: %s\n", r.To, wayBack(r.RollBack))
	}
	for _, n := range r.Notes {
		a.printf("note: %s\n", n)
	}
}

func wayBack(w failoverplan.WayBack) string {
	if w.Ready {
		return fmt.Sprintf("ready, exact previous values and TTLs of %d record sets", w.Records)
	}
	return "not possible now, because " + strings.Join(w.Because, "; ")
}
