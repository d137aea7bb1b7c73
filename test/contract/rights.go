package contract

import "slices"

// Account is one that a page of docs/components lists the rights of.
type Account struct {
	// Page is the file below docs/components, Name the first cell of its row.
	Page, Name string
	Rights     []string
	// Proof is the test that takes each right away in turn.
	Proof string
}

// Accounts lists them. The pages may list no other rights, and the tests on real servers grant
// exactly these: a test holds the three together.
var Accounts = []Account{
	{"mysql.md", "probe", []string{"REPLICA MONITOR", "REPLICATION CLIENT"}, "TestRightsOfTheProbeOnMariaDB"}, // MySQL's: TestRightsOnMySQL56
	{"mysql.md", "control", []string{"READ ONLY ADMIN", "REPLICATION SLAVE ADMIN", "REPLICA MONITOR", "RELOAD"}, "TestRightsOfTheActorOnMariaDB"},
	{"mysql.md", "control, MySQL 5.6 and 5.7", []string{"SUPER", "RELOAD"}, "TestRightsOnMySQL56"},
	{"mysql.md", "repl", []string{"REPLICATION SLAVE"}, "TestRightsOfTheLinks"},
	{"redis.md", "probe", []string{"+ping", "+info"}, "TestRightsOfTheProbeOnRedis"},
	{"redis.md", "probe, also", []string{"+time"}, "TestRightsOfTheProbeOnRedis"},
	{"redis.md", "probe, also", []string{"+config|get"}, "TestRightsOfTheProbeOnRedis"},
	{"redis.md", "probe, in cluster mode", []string{"+cluster|info"}, "TestRealRedisModes"},
	{"redis.md", "control", []string{"+info", "+config|get", "+config|set", "+replicaof", "+dbsize", "~*"}, "TestRightsOfTheActorOnRedis"},
	{"redis.md", "control, also", []string{"+psync", "+exists"}, "TestRealRedisHistories"},
	{"redis.md", "control, with `tls`", []string{"+client|kill"}, "TestRealRedisOverTLS"},
	{"redis.md", "replication (`masteruser`)", []string{"+psync", "+replconf", "+ping"}, "TestRightsOfTheLinks"},
}

// RightsOf are those of one row.
func RightsOf(page, name string) []string {
	for _, a := range Accounts {
		if a.Page == page && a.Name == name {
			return slices.Clone(a.Rights)
		}
	}
	return nil
}
