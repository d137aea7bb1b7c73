package failoverplan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// hash binds an approval to what will be done. Evidence, reasons and the time of
// planning stay out of it: they may be worded anew while the plan is the same.
func hash(p *Plan) string {
	b, err := json.Marshal(struct {
		Format   int
		Kind     PlanKind
		Mode     Mode
		Force    bool
		Case     Case
		From, To string
		Stations []string
		DNS      []ZoneChange
		Lower    []ZoneChange
		Restore  []ZoneChange
		Follows  []Follower
		LeaveOut []LeftOut
		Canary   []string
		Steps    []Step
	}{3, p.Kind, p.Mode, p.Force, p.Case, p.From, p.To, p.Stations, p.DNS, p.Lower, p.Restore, p.Follows, p.LeaveOut, p.Canary, p.Steps})
	if err != nil {
		panic("failoverplan: a plan of plain values cannot fail to marshal: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
