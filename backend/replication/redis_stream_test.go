package replication

import (
	"errors"
	"reflect"
	"testing"
)

func TestRedisStreamIsSorted(t *testing.T) {
	const ping, del = "*1\r\n$4\r\nPING\r\n", "*3\r\n$3\r\nDEL\r\n$1\r\na\r\n$1\r\nb\r\n"
	for raw, want := range map[string]redisBeyond{
		"":          {},
		ping + ping: {pings: 2},
		del + ping:  {pings: 1, deletions: []string{"a", "b"}},
		"*1\r\n$5\r\nMULTI\r\n*2\r\n$6\r\nunlink\r\n$1\r\nc\r\n*1\r\n$4\r\nEXEC\r\n": {deletions: []string{"c"}},
		"*3\r\n$3\r\nset\r\n$2\r\nab\r\n$1\r\n1\r\n":                                 {writes: 1},
		"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n" + del:                                    {writes: 1}, // the other is asked in database 0 only
		"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n" + del:                                    {deletions: []string{"a", "b"}},
		"*1\r\n$8\r\nFLUSHALL\r\n":                                                   {writes: 1},
	} {
		if got, err := readRedisStream(raw); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v, want %+v", raw, got, err, want)
		}
	}
	for _, raw := range []string{"PING\r\n", ping[:len(ping)-1], "*0\r\n", "*-1\r\n", "*1\r\n$9999999999\r\nx\r\n", "*2\r\n$4\r\nPING\r\n", "*1\r\n$4\r\nPINGxx"} {
		if got, err := readRedisStream(raw); !errors.Is(err, errStream) {
			t.Errorf("%q: %+v, %v", raw, got, err)
		}
	}
}

func TestRedisHasAllOfItsSource(t *testing.T) {
	replica := func(id, offset string) redisInfo {
		return redisInfo{"role": "slave", "master_replid": id, "slave_repl_offset": offset}
	}
	source := redisInfo{"role": "master", "master_replid": "a", "master_repl_offset": "7"}
	copying := replica("a", "7")
	copying["master_sync_in_progress"] = "1"
	for name, c := range map[string]struct {
		mine, theirs redisInfo
		want         bool
	}{
		"level":                 {replica("a", "7"), source, true},
		"behind":                {replica("a", "6"), source, false},
		"its source restarted":  {replica("b", "7"), source, false},
		"being copied":          {copying, source, false},
		"no offset here":        {replica("a", ""), source, false},
		"no offset there":       {replica("a", "7"), redisInfo{"role": "master", "master_replid": "a"}, false},
		"no history is told of": {replica("", "7"), redisInfo{"role": "master", "master_repl_offset": "7"}, false},
	} {
		if got, why := c.mine.hasAllOf(c.theirs, "primary"); got != c.want || why == "" {
			t.Errorf("%s: %v, %q", name, got, why)
		}
	}
}

func TestRedisOffsetIsTold(t *testing.T) {
	for _, c := range []struct {
		info redisInfo
		want bool
	}{
		{redisInfo{"role": "master", "master_repl_offset": "0"}, true},
		{redisInfo{"role": "master"}, false},
		{redisInfo{"role": "master", "master_repl_offset": "many"}, false},
		{redisInfo{"role": "slave", "master_repl_offset": "5"}, false},
		{redisInfo{"role": "slave", "slave_repl_offset": "5"}, true},
	} {
		if got := c.info.tells(); got != c.want {
			t.Errorf("%v: %v", c.info, got)
		}
	}
}
