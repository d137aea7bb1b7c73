package searchd_test

import (
	"fmt"
	"testing"

	"github.com/dutyops/dutyops/backend/sandbox/searchd"
)

func TestAnIndexKeepsTheNewest(t *testing.T) {
	n := start(t, searchd.Options{KeepDocs: 10})
	write := func(id int) {
		t.Helper()
		if code, d := n.ask(t, "PUT", fmt.Sprintf("/m/_doc/d%02d", id), fmt.Sprintf(`{"n":%d}`, id)); code != 200 && code != 201 {
			t.Fatalf("%d %v", code, d)
		}
	}
	listed := func() string {
		t.Helper()
		return ids(n.want(t, 200, "POST", "/m/_search", `{"size":100,"sort":[{"n":"asc"}]}`))
	}
	for i := range 10 {
		write(i)
	}
	write(0) // written again: it is the newest now
	same(t, "documents", listed(), "d00 d01 d02 d03 d04 d05 d06 d07 d08 d09")
	write(10)
	write(11)
	same(t, "documents", listed(), "d00 d03 d04 d05 d06 d07 d08 d09 d10 d11")
	same(t, "count", n.want(t, 200, "GET", "/m/_count", "")["count"], 10)
	n.want(t, 404, "GET", "/m/_doc/d01", "")
	for i := range 40 {
		write(20 + i)
	}
	same(t, "documents", listed(), "d50 d51 d52 d53 d54 d55 d56 d57 d58 d59")
	n.want(t, 201, "PUT", "/m/_doc/d01", `{"n":1}`) // a document of the past is a new one
}
