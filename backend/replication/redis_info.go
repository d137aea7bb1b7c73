package replication

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/dutyops/dutyops/probes/guard"
)

// redisInfo is INFO replication.
type redisInfo map[string]string

func (i redisInfo) replica() bool { return i["role"] == "slave" || i["role"] == "replica" }

func (i redisInfo) num(key string) int64 {
	n, err := strconv.ParseInt(i[key], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// offset is how far the data set itself is.
func (i redisInfo) offset() int64 {
	if i.replica() {
		return i.num("slave_repl_offset")
	}
	return i.num("master_repl_offset")
}

// tells is false when the offset is not there or no number.
func (i redisInfo) tells() bool {
	key := "master_repl_offset"
	if i.replica() {
		key = "slave_repl_offset"
	}
	_, err := strconv.ParseInt(i[key], 10, 64)
	return err == nil
}

func (i redisInfo) of() string { return net.JoinHostPort(i["master_host"], i["master_port"]) }

func (i redisInfo) String() string {
	if !i.replica() {
		return fmt.Sprintf("role master, offset %d, %s replicas", i.offset(), orZero(i["connected_slaves"]))
	}
	s := fmt.Sprintf("replica of %s, link %s, offset %d", i.of(), i["master_link_status"], i.offset())
	if i.partial() {
		s += ", first copy not complete"
	}
	return s
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// partial is true while the data set is being replaced by the source's.
func (i redisInfo) partial() bool { return i.replica() && i["master_sync_in_progress"] == "1" }

func readRedisInfo(text string) redisInfo {
	out := redisInfo{}
	for line := range strings.SplitSeq(text, "\n") {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[guard.Text(k, maxText)] = guard.Text(v, maxText)
		}
	}
	return out
}

// hasAllOf says whether a store holds everything that its source at the site has, and why not.
func (i redisInfo) hasAllOf(theirs redisInfo, site string) (bool, string) {
	switch d := theirs.offset() - i.offset(); {
	case i.partial():
		return false, i.String()
	case !i.tells() || !theirs.tells():
		return false, "INFO replication tells no offset here or at " + site
	case i["master_replid"] == "" || i["master_replid"] != theirs["master_replid"]:
		return false, fmt.Sprintf("holds another history than %s (%s)", site, i)
	case d > 0:
		return false, fmt.Sprintf("%d bytes behind %s's offset %d", d, site, theirs.offset())
	default:
		return true, fmt.Sprintf("has everything up to %s's offset %d", site, theirs.offset())
	}
}

func (i redisInfo) replicaOf(source Endpoint) bool {
	return i.replica() && (i.of() == source.sourceAddress() || i.of() == source.Config.Address)
}
