package dnspod

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/byrecord"
)

// Arm implements dnsproviders.Armer: one list of the zone. Errors are *dnsproviders.Error.
func (p *Provider) Arm(ctx context.Context, zone string, names []string) (dnsproviders.Arming, error) {
	return p.e.Arm(ctx, zone, names)
}

// ApplyArmed implements dnsproviders.Armer: writes by record id, then one list to read
// back. Errors are those of ApplyInspected.
func (p *Provider) ApplyArmed(ctx context.Context, a dnsproviders.Arming, changes []dnsproviders.Change) (dnsproviders.Receipt, error) {
	return p.e.ApplyArmed(ctx, a, changes)
}

// EncodeHandle implements dnsproviders.HandleCodec.
func (p *Provider) EncodeHandle(handle any) (json.RawMessage, error) {
	return p.e.EncodeHandle(Kind, handle)
}

// DecodeHandle implements dnsproviders.HandleCodec.
func (p *Provider) DecodeHandle(data json.RawMessage) (any, error) {
	return p.e.DecodeHandle(Kind, data)
}

// ProbeWrite implements dnsproviders.WriteProber: ModifyRecord of one record as it is.
func (p *Provider) ProbeWrite(ctx context.Context, zone, name string) (dnsproviders.WriteProof, error) {
	return p.e.ProbeWrite(ctx, zone, name)
}

// Script implements dnsproviders.Scripter with commands of Tencent Cloud's own tool
// (tencentcloud.com/document/product/1013); it needs an Arming for the record ids.
func (p *Provider) Script(zone string, changes []dnsproviders.Change, armed *dnsproviders.Arming) (string, error) {
	return p.e.Script(api{p}, zone, changes, armed)
}

// Foretell implements dnsproviders.Foreteller.
func (p *Provider) Foretell(a dnsproviders.Arming, changes []dnsproviders.Change) (dnsproviders.Arming, error) {
	return p.e.Foretell(a, changes)
}

var (
	_ byrecord.Printer        = api{}
	_ dnsproviders.Foreteller = (*Provider)(nil)
)

// Preface implements byrecord.Printer.
func (api) Preface() string {
	return "# Needs Tencent Cloud CLI (tccli); it reads TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, or its profile.\n"
}

// Command implements byrecord.Printer.
func (api) Command(zone string, s byrecord.Step) []string {
	action, params := request(zone, s)
	words := []string{"tccli", "dnspod", action}
	for _, k := range slices.Sorted(maps.Keys(params)) {
		words = append(words, "--"+k, fmt.Sprint(params[k]))
	}
	return words
}

// BatchCommand implements byrecord.Printer.
func (api) BatchCommand(steps []byrecord.Step) []string {
	ids := make([]string, len(steps))
	for i, s := range steps {
		ids[i] = s.From.ID
	}
	return []string{"tccli", "dnspod", "ModifyRecordBatch", "--RecordIdList", "[" + strings.Join(ids, ",") + "]", "--Change", "value", "--ChangeTo", steps[0].To.Value}
}
