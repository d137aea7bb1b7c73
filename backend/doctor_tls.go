package backend

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dutyops/dutyops/backend/config"
	"github.com/dutyops/dutyops/backend/monitor"
	"github.com/dutyops/dutyops/backend/secure"
	"github.com/dutyops/dutyops/probes/trust"
)

// doctorTLS looks at the files behind tls:, at what is not checked, and at what ends soon:
// a certificate that ends takes a server away as surely as a power cut, on a known day.
func (e *Engine) doctorTLS(snap *monitor.Snapshot, add addCheck) {
	blocks := e.cfg.TLSBlocks()
	bad := 0
	var ps config.Problems
	if err := e.cfg.CheckFiles(); errors.As(err, &ps) {
		for _, p := range ps {
			bad++
			add("tls "+p.Path, CheckFail, p.What, p.Todo+"; `dutyops config validate` shows the line")
		}
	}
	warning := time.Duration(e.cfg.Thresholds.CertificateDays) * 24 * time.Hour
	var unchecked []string
	for _, b := range blocks {
		if b.InsecureSkipVerify {
			unchecked = append(unchecked, b.Of)
		}
		if b.Cert == "" {
			continue
		}
		switch ends, err := trust.New(*secure.Settings(b.TLS), e.now).OwnEnds(); {
		case err != nil && bad == 0: // else it is among the problems of the files
			bad++
			add("tls "+b.Of, CheckFail, err.Error(), "correct tls.cert and tls.key; without them it cannot be asked")
		case err == nil:
			e.doctorEnds("our client certificate for "+b.Of, ends, warning, add)
		}
	}
	if len(unchecked) > 0 {
		add("tls not checked", CheckWarn, "insecure_skip_verify: "+strings.Join(unchecked, ", "), "whoever is in between can read and answer: name the authority in tls.ca and remove insecure_skip_verify")
	}
	seen := 0
	for id, t := range snap.All() {
		if t.Last != nil && !t.Last.Facts.CertificateEnds.IsZero() {
			seen++
			e.doctorEnds("certificate of "+id, t.Last.Facts.CertificateEnds, warning, add)
		}
	}
	if len(blocks)+seen > 0 && bad == 0 {
		add("tls", CheckOK, fmt.Sprintf("%d settings can be used, %d targets showed a certificate", len(blocks), seen), "")
	}
}

// doctorEnds warns of a certificate that ends soon.
func (e *Engine) doctorEnds(what string, ends time.Time, warning time.Duration, add addCheck) {
	left := ends.Sub(e.now())
	on := ends.UTC().Format("2006-01-02 15:04 MST")
	switch {
	case left <= 0:
		add(what, CheckFail, "has expired on "+on, "renew it; files are read again without a restart")
	case left < warning:
		add(what, CheckWarn, fmt.Sprintf("ends in %s (%s)", trust.Span(left), on), "renew it before; files are read again without a restart")
	}
}
