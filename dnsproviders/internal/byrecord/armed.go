package byrecord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/dutyops/dutyops/dnsproviders"
)

// held is the handle of an Arming: the records of its names, of every type. Read only.
type held struct{ recs []Record }

// Arm reads the records of the names. Errors are *dnsproviders.Error.
func (e *Engine) Arm(ctx context.Context, zone string, names []string) (a dnsproviders.Arming, err error) {
	o, err := e.Begin(ctx, "arm", zone)
	if err != nil {
		return a, err
	}
	at := e.Now()
	recs, lerr := e.API.List(ctx, o)
	if lerr != nil {
		return a, lerr
	}
	a = dnsproviders.NewArming(o.Zone, names, nil, at)
	e.hold(&a, recs)
	return a, nil
}

// hold puts a zone's records into an arming of some of its names.
func (e *Engine) hold(a *dnsproviders.Arming, recs []Record) {
	a.Sets = Sets(recs, a.Names, e.Standard)
	a.Handle = &held{recs: slices.DeleteFunc(recs, func(r Record) bool {
		_, asked := slices.BinarySearch(a.Names, r.Name)
		return !asked
	})}
}

// ApplyArmed is Apply without its first reading: records are compared as they were when
// they were armed and written by their ids, and the zone is read afterwards: Receipt.Held is
// that reading.
func (e *Engine) ApplyArmed(ctx context.Context, a dnsproviders.Arming, changes []dnsproviders.Change) (rc dnsproviders.Receipt, err error) {
	start := e.Now()
	o, err := e.Begin(ctx, "apply", a.Zone)
	if err != nil {
		return rc, err
	}
	defer func() { o.receipt(&rc, start) }()
	canon, err := a.Check(changes)
	if err != nil {
		return rc, err
	}
	armed, ok := a.Handle.(*held)
	if !ok {
		return rc, o.Fail(dnsproviders.ErrConflict, "what is held ready is not this provider's", "arm again; nothing was sent", nil)
	}
	if err := e.check(o, index(armed.recs), canon); err != nil {
		return rc, err
	}
	rc, last, err := e.write(ctx, o, armed.recs, changes, canon)
	if err == nil && last != nil {
		rc.Held = &dnsproviders.Arming{Zone: a.Zone, Names: a.Names, At: e.Now()}
		e.hold(rc.Held, last)
	}
	return rc, err
}

// KeepCodec is an API whose Record.Keep is not nil and can be put away.
type KeepCodec interface {
	DecodeKeep(raw json.RawMessage) (any, error)
}

// handleVersion changes with the form of a handle that was put away.
const handleVersion = 1

type handleFile struct {
	Version int             `json:"version"`
	Kind    string          `json:"kind"`
	Records []handledRecord `json:"records"`
}

type handledRecord struct {
	Record
	Keep json.RawMessage `json:"Keep,omitempty"`
}

// EncodeHandle writes a handle down. kind is the provider's.
func (e *Engine) EncodeHandle(kind string, handle any) (json.RawMessage, error) {
	h, ok := handle.(*held)
	if !ok {
		return nil, fmt.Errorf("%s: a handle of another provider (%T)", kind, handle)
	}
	f := handleFile{Version: handleVersion, Kind: kind, Records: make([]handledRecord, len(h.recs))}
	for i, r := range h.recs {
		x := handledRecord{Record: r}
		if r.Keep != nil {
			var err error
			if x.Keep, err = json.Marshal(r.Keep); err != nil {
				return nil, fmt.Errorf("%s: record %s: %w", kind, r.ID, err)
			}
		}
		f.Records[i] = x
	}
	return json.Marshal(f)
}

// DecodeHandle reads what EncodeHandle wrote for the same kind.
func (e *Engine) DecodeHandle(kind string, data json.RawMessage) (any, error) {
	var f handleFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("%s: unreadable handle: %w", kind, err)
	}
	if f.Version != handleVersion || f.Kind != kind {
		return nil, fmt.Errorf("%s: a handle of version %d of %q, expected version %d of %q: arm again", kind, f.Version, f.Kind, handleVersion, kind)
	}
	codec, keeps := e.API.(KeepCodec)
	h := &held{recs: make([]Record, len(f.Records))}
	for i, x := range f.Records {
		r := x.Record
		if r.ID == "" || r.Name == "" || r.Type == "" || r.Line == "" {
			return nil, fmt.Errorf("%s: unreadable handle: record %d lacks id, name, type or line", kind, i+1)
		}
		if keeps {
			var err error
			if r.Keep, err = codec.DecodeKeep(x.Keep); err != nil {
				return nil, fmt.Errorf("%s: unreadable handle: record %s: %w", kind, r.ID, err)
			}
		} else if len(x.Keep) > 0 {
			return nil, fmt.Errorf("%s: unreadable handle: %w", kind, errors.New("it keeps what this provider does not"))
		}
		h.recs[i] = r
	}
	return h, nil
}

// ProbeWrite writes one record of the name as it is. A vendor that refuses the request
// because the record is like that already has understood, judged and authorised it.
func (e *Engine) ProbeWrite(ctx context.Context, zone, name string) (w dnsproviders.WriteProof, err error) {
	start := e.Now()
	o, err := e.Begin(ctx, "probe write", zone)
	if err != nil {
		return w, err
	}
	var rc dnsproviders.Receipt
	defer func() {
		o.receipt(&rc, start)
		w.APICalls, w.Took = rc.APICalls, rc.Took
	}()
	recs, lerr := e.API.List(ctx, o)
	if lerr != nil {
		return w, lerr
	}
	name = dnsproviders.CanonicalName(name)
	i := slices.IndexFunc(recs, func(r Record) bool {
		return r.Name == name && !r.Locked && slices.Contains(dnsproviders.Types(), r.Type)
	})
	if i < 0 {
		return w, o.Fail(dnsproviders.ErrRejected, name+" has no record that may be written", "name one with an A, AAAA, CNAME or HTTPS record that is not locked", nil)
	}
	r := recs[i]
	w.What = fmt.Sprintf("%s %s %s, TTL %d, as it is", r.Name, r.Type, r.Value, r.TTL)
	if err := e.pace(ctx); err != nil {
		return w, o.Fail(dnsproviders.ErrUnavailable, "cancelled", "", err)
	}
	// One try: a write that fails now and then is what a probe is to show.
	if _, f := e.API.Do(ctx, o, Step{Verb: Update, From: r, To: r}); f != nil && !f.Already {
		return w, f.Err
	}
	return w, nil
}
