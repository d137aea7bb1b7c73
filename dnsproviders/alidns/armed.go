package alidns

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

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

// ProbeWrite implements dnsproviders.WriteProber: UpdateDomainRecord of one record as it is.
func (p *Provider) ProbeWrite(ctx context.Context, zone, name string) (dnsproviders.WriteProof, error) {
	return p.e.ProbeWrite(ctx, zone, name)
}

// Script implements dnsproviders.Scripter with commands of Alibaba Cloud's own tool
// (alibabacloud.com/help/en/cli); it needs an Arming for the record ids.
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
	return "# Needs Alibaba Cloud CLI (aliyun); it reads ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or its profile.\n"
}

// Command implements byrecord.Printer.
func (api) Command(zone string, s byrecord.Step) []string {
	action, params := request(zone, s)
	words := []string{"aliyun", "alidns", action}
	for _, k := range slices.Sorted(maps.Keys(params)) {
		words = append(words, "--"+k, params[k])
	}
	return words
}

// BatchCommand implements byrecord.Printer: there is no such request.
func (api) BatchCommand([]byrecord.Step) []string { return nil }
