package replication

import (
	"testing"

	"github.com/dutyops/dutyops/backend/config"
)

// A refusal says which rule would lift it, in the words of every version of Redis.
func TestRedisNamesTheMissingRight(t *testing.T) {
	s := &redisStore{e: Endpoint{Config: config.Component{Control: config.Account{User: "actor"}}}}
	for text, want := range map[string]string{
		"NOPERM this user has no permissions to run the 'config|set' command":               " (grant +config|set to actor)",
		"NOPERM User actor has no permissions to run the 'replicaof' command":               " (grant +replicaof to actor)",
		"NOPERM this user has no permissions to run the 'config' command or its subcommand": " (grant +config to actor)",
		"NOPERM this user has no permissions to access one of the keys used as arguments":   " (the rules that actor needs are in docs/components/redis.md)",
		"READONLY You can't write against a read only replica.":                             "",
		"ERR unknown command 'replicaof'":                                                   "",
	} {
		if got := s.missingRight(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
