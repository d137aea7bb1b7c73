package alidns

import (
	"maps"
	"slices"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/byrecord"
)

var (
	_ byrecord.Printer        = api{}
	_ dnsproviders.Foreteller = (*Provider)(nil)
)

// Preface implements byrecord.Printer: the commands are of Alibaba Cloud's own tool
// (alibabacloud.com/help/en/cli).
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
