package switching

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dutyops/dutyops/dnsproviders"
)

// keptFormat is the version of the file that Keep writes; another one is not read.
const keptFormat = 1

// maxKept is the largest file that Recall reads, in bytes: 100,000 records take about 20 MB.
const maxKept = 128 << 20

// kept is the file. It holds names, values and record ids, and no secret.
type kept struct {
	Format int         `json:"format"`
	Places []keptPlace `json:"places"`
}

type keptPlace struct {
	Zone     string `json:"zone"`
	Provider string `json:"provider"`
	// Fingerprint of the provider's configuration that it was read with.
	Fingerprint string               `json:"fingerprint"`
	At          time.Time            `json:"at,omitzero"`
	Names       []string             `json:"names,omitempty"`
	Sets        []dnsproviders.RRset `json:"sets,omitempty"`
	Handle      json.RawMessage      `json:"handle,omitempty"`
	Probe       Probe                `json:"probe,omitzero"`
	Picture     keptPicture          `json:"picture,omitzero"`
}

// Keep writes what is held ready to a file, for a process to come: whole or not at all,
// readable for its owner only. What another process has kept of a place that this one has
// not read stays as it is.
func (s *Switch) Keep(path string) error {
	was, _ := readKept(path) // an unreadable file is replaced
	out := kept{Format: keptFormat}
	var errs []error
	s.mu.Lock()
	for p, h := range s.holds {
		k, err := s.keep(p, h)
		if err != nil {
			errs = append(errs, err)
		}
		out.Places = append(out.Places, k)
	}
	s.mu.Unlock()
	for _, k := range was.Places {
		i := slices.IndexFunc(out.Places, func(o keptPlace) bool { return o.Zone == k.Zone && o.Provider == k.Provider })
		switch {
		case i < 0:
			out.Places = append(out.Places, k)
		case k.Fingerprint != out.Places[i].Fingerprint:
		default:
			if k.Picture.At.After(out.Places[i].Picture.At) && s.writes(place{k.Zone, k.Provider}) == 0 {
				out.Places[i].Picture = k.Picture
			}
		}
		switch {
		case i < 0 || k.Fingerprint != out.Places[i].Fingerprint:
		case k.Probe.At.After(out.Places[i].Probe.At):
			out.Places[i].Probe = k.Probe
		}
	}
	slices.SortFunc(out.Places, func(a, b keptPlace) int {
		return cmp.Or(cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Provider, b.Provider))
	})
	b, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("keep what is armed: %w", err)
	}
	if err := replace(path, b); err != nil {
		return fmt.Errorf("keep what is armed: %w", err)
	}
	return errors.Join(errs...)
}

// keep is the form of a hold in the file; the caller has s.mu.
func (s *Switch) keep(p place, h *hold) (keptPlace, error) {
	k := keptPlace{Zone: p.zone, Provider: p.provider, Fingerprint: s.opt.Fingerprints[p.provider], Probe: h.probe, Picture: h.picture}
	if h.arming.At.IsZero() || len(h.drift) > 0 {
		return k, nil
	}
	if h.arming.Handle != nil {
		c, ok := s.opt.Providers[p.provider].(dnsproviders.HandleCodec)
		if !ok {
			return k, nil // it stays with this process
		}
		raw, err := c.EncodeHandle(h.arming.Handle)
		if err != nil {
			return k, fmt.Errorf("zone %s at %s cannot be kept: %w", p.zone, p.provider, err)
		}
		k.Handle = raw
	}
	k.At, k.Names, k.Sets = h.arming.At, h.arming.Names, h.arming.Sets
	return k, nil
}

// replace writes a file by the side and moves it into place.
func replace(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".armed-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func readKept(path string) (kept, error) {
	var k kept
	st, err := os.Stat(path)
	if err != nil {
		return k, err
	}
	if st.Size() > maxKept {
		return k, fmt.Errorf("%s has %d bytes, more than %d", path, st.Size(), maxKept)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return k, err
	}
	return parseKept(b)
}

func parseKept(b []byte) (kept, error) {
	var k kept
	if err := json.Unmarshal(b, &k); err != nil {
		return kept{}, fmt.Errorf("it cannot be read: %w", err)
	}
	if k.Format != keptFormat {
		return kept{}, fmt.Errorf("it has format %d, this version reads %d", k.Format, keptFormat)
	}
	return k, nil
}

// Recall takes up what another process has kept, unless this one has read the place
// itself. It returns why something was left out, for people; a missing file is no reason.
func (s *Switch) Recall(path string) (ignored []string) {
	k, err := readKept(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []string{fmt.Sprintf("%s is ignored: %v", filepath.Base(path), err)}
	}
	for _, kp := range k.Places {
		if why := s.recall(kp); why != "" {
			ignored = append(ignored, fmt.Sprintf("what is kept of zone %s at %s is ignored: %s", kp.Zone, kp.Provider, why))
		}
	}
	return ignored
}

func (s *Switch) recall(k keptPlace) (why string) {
	p := place{k.Zone, k.Provider}
	prov := s.opt.Providers[k.Provider]
	z, known := s.zones[k.Zone]
	switch {
	case prov == nil:
		return "the provider is not in the configuration any more"
	case !known || z.Provider != k.Provider && !slices.ContainsFunc(z.Also, func(t Twin) bool { return t.Provider == k.Provider }):
		return "the zone is not held there any more"
	case k.Fingerprint != s.opt.Fingerprints[k.Provider]:
		return "the provider's configuration has changed since"
	}
	for _, r := range k.Picture.Sets {
		if c, err := r.Canonical(); err != nil || !dnsproviders.InZone(c.Name, k.Zone) {
			return "its picture holds a record set that is none"
		}
	}
	a := dnsproviders.Arming{Zone: k.Zone, Names: k.Names, At: k.At}
	for _, r := range k.Sets {
		c, err := r.Canonical()
		if err != nil || !dnsproviders.InZone(c.Name, k.Zone) || len(c.Values) == 0 {
			return "it holds a record set that is none"
		}
		c.TTL, c.Note = r.TTL, r.Note
		a.Sets = append(a.Sets, c)
	}
	slices.Sort(a.Names)
	if _, ok := prov.(dnsproviders.Armer); !ok && !k.At.IsZero() {
		return "the provider cannot be armed"
	}
	if len(k.Handle) > 0 {
		c, ok := prov.(dnsproviders.HandleCodec)
		if !ok {
			return "the provider does not know its record ids"
		}
		h, err := c.DecodeHandle(k.Handle)
		if err != nil {
			return fmt.Sprintf("its record ids cannot be read: %v", err)
		}
		a.Handle = h
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hold(p)
	h.take(k.Picture)
	if h.probe.At.Before(k.Probe.At) {
		h.probe = k.Probe
	}
	if h.arming.At.Before(k.At) && s.wrote[p] == 0 {
		h.arming, h.drift = a, nil
	}
	return ""
}
