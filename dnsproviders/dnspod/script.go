package dnspod

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dutyops/dutyops/dnsproviders"
	"github.com/dutyops/dutyops/dnsproviders/internal/byrecord"
)

var (
	_ byrecord.Printer        = api{}
	_ dnsproviders.Foreteller = (*Provider)(nil)
)

// Preface implements byrecord.Printer: the commands are of Tencent Cloud's own tool
// (tencentcloud.com/document/product/1013).
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
