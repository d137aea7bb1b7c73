package byrecord

import (
	"context"
	"encoding/json"

	"github.com/dutyops/dutyops/dnsproviders"
)

// Armer is what a provider can do with a reading made beforehand, the same for every vendor
// whose API changes one record at a time. A Provider embeds it. It implements
// dnsproviders.Armer, HandleCodec, WriteProber, Scripter and Foreteller; errors are
// *dnsproviders.Error. Safe for concurrent use as the Engine is.
type Armer struct {
	e       *Engine
	kind    string
	printer Printer
}

// NewArmer returns the Armer of an engine. kind marks its handles, so that another vendor's are
// not taken for them; printer words the vendor's own commands.
func NewArmer(e *Engine, kind string, printer Printer) Armer { return Armer{e, kind, printer} }

// Arm implements dnsproviders.Armer: one list of the zone.
func (a Armer) Arm(ctx context.Context, zone string, names []string) (dnsproviders.Arming, error) {
	return a.e.Arm(ctx, zone, names)
}

// ApplyArmed implements dnsproviders.Armer: writes by record id, then one list to read
// back. Errors are those of ApplyInspected.
func (a Armer) ApplyArmed(ctx context.Context, arming dnsproviders.Arming, changes []dnsproviders.Change) (dnsproviders.Receipt, error) {
	return a.e.ApplyArmed(ctx, arming, changes)
}

// EncodeHandle implements dnsproviders.HandleCodec.
func (a Armer) EncodeHandle(handle any) (json.RawMessage, error) {
	return a.e.EncodeHandle(a.kind, handle)
}

// DecodeHandle implements dnsproviders.HandleCodec.
func (a Armer) DecodeHandle(data json.RawMessage) (any, error) {
	return a.e.DecodeHandle(a.kind, data)
}

// ProbeWrite implements dnsproviders.WriteProber: one record is changed to what it is.
func (a Armer) ProbeWrite(ctx context.Context, zone, name string) (dnsproviders.WriteProof, error) {
	return a.e.ProbeWrite(ctx, zone, name)
}

// Script implements dnsproviders.Scripter with commands of the vendor's own tool; it needs an
// Arming for the record ids.
func (a Armer) Script(zone string, changes []dnsproviders.Change, armed *dnsproviders.Arming) (string, error) {
	return a.e.Script(a.printer, zone, changes, armed)
}

// Foretell implements dnsproviders.Foreteller.
func (a Armer) Foretell(arming dnsproviders.Arming, changes []dnsproviders.Change) (dnsproviders.Arming, error) {
	return a.e.Foretell(arming, changes)
}
