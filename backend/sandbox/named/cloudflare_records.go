package named

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// record is a record on the wire.
type record struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Type       string    `json:"type"`
	Content    string    `json:"content"`
	TTL        uint32    `json:"ttl"`
	Proxied    bool      `json:"proxied"`
	Proxiable  bool      `json:"proxiable"`
	Comment    string    `json:"comment"`
	Tags       []string  `json:"tags"`
	Settings   struct{}  `json:"settings"`
	Meta       struct{}  `json:"meta"`
	CreatedOn  time.Time `json:"created_on"`
	ModifiedOn time.Time `json:"modified_on"`
}

func wire(r Record) record {
	return record{
		ID: r.ID, Name: r.Name, Type: r.Type, Content: r.Content, TTL: r.TTL, Proxied: r.Proxied,
		Proxiable: r.Type == "A" || r.Type == "AAAA" || r.Type == "CNAME",
		Comment:   r.Comment, Tags: []string{}, CreatedOn: r.CreatedOn.UTC(), ModifiedOn: r.ModifiedOn.UTC(),
	}
}

// input is a record as clients send it; absent fields are nil.
type input struct {
	ID      string  `json:"id"`
	Name    *string `json:"name"`
	Type    *string `json:"type"`
	Content *string `json:"content"`
	TTL     *uint32 `json:"ttl"`
	Proxied *bool   `json:"proxied"`
	Comment *string `json:"comment"`
	Data    *struct {
		Priority uint16 `json:"priority"`
		Target   string `json:"target"`
		Value    string `json:"value"`
	} `json:"data"`
}

// onto lays the fields that were sent over r: a PATCH over the old record, a PUT or
// POST over an empty one (so that what is not sent is reset).
func (in input) onto(r Record) Record {
	if in.Name != nil {
		r.Name = *in.Name
	}
	if in.Type != nil {
		r.Type = *in.Type
	}
	if in.Content != nil {
		r.Content = *in.Content
	} else if in.Data != nil {
		r.Content = strings.TrimSpace(fmt.Sprintf("%d %s %s", in.Data.Priority, in.Data.Target, in.Data.Value))
	}
	if in.TTL != nil {
		r.TTL = *in.TTL
	}
	if in.Proxied != nil {
		r.Proxied = *in.Proxied
	}
	if in.Comment != nil {
		r.Comment = *in.Comment
	}
	if r.TTL <= 1 { // "automatic"
		r.TTL = 300
	}
	return r
}

func decode(body []byte, into any) *answer {
	if err := json.Unmarshal(body, into); err != nil {
		a := fail(http.StatusBadRequest, 9207, "Request body is invalid.")
		return &a
	}
	return nil
}

func (c *Cloudflare) list(q url.Values) answer {
	page, per, bad := paging(q.Get("page"), q.Get("per_page"), 100, 5000)
	if bad != nil {
		return *bad
	}
	first := func(keys ...string) string {
		for _, k := range keys {
			if v := q.Get(k); v != "" {
				return v
			}
		}
		return ""
	}
	name, content, typ := plain(first("name.exact", "name")), first("content.exact", "content"), q.Get("type")
	all := []record{}
	for _, r := range c.store.present().recs {
		if (name == "" || r.Name == name) && (content == "" || r.Content == content) &&
			(typ == "" || strings.EqualFold(r.Type, typ)) {
			all = append(all, wire(r))
		}
	}
	lo, hi := min((page-1)*per, len(all)), min(page*per, len(all))
	return answer{
		status: http.StatusOK, result: all[lo:hi],
		info: &resultInfo{page, per, hi - lo, len(all), (len(all) + per - 1) / per},
	}
}

func (c *Cloudflare) create(body []byte) answer {
	var in input
	if bad := decode(body, &in); bad != nil {
		return *bad
	}
	var out Record
	err := c.store.Update(func(tx *Tx) (err error) {
		out, err = tx.Add(in.onto(Record{}))
		return err
	})
	if err != nil {
		return failed(err)
	}
	return answer{status: http.StatusOK, result: wire(out)}
}

func (c *Cloudflare) one(method, id string, body []byte) answer {
	var in input
	if method == http.MethodPut || method == http.MethodPatch {
		if bad := decode(body, &in); bad != nil {
			return *bad
		}
	}
	in.ID = id
	var result any
	var err error
	switch method {
	case http.MethodGet:
		for _, r := range c.store.present().recs {
			if r.ID == id {
				return answer{status: http.StatusOK, result: wire(r)}
			}
		}
		err = &RecordError{codeNoRecord, "Record does not exist."}
	case http.MethodDelete:
		result = map[string]string{"id": id}
		err = c.store.Update(func(tx *Tx) error { return tx.Delete(id) })
	case http.MethodPut, http.MethodPatch:
		err = c.store.Update(func(tx *Tx) error {
			r, err := change1(tx, in, method == http.MethodPut)
			result = wire(r)
			return err
		})
	default:
		return fail(http.StatusMethodNotAllowed, 10405, "Method not allowed")
	}
	if err != nil {
		return failed(err)
	}
	return answer{status: http.StatusOK, result: result}
}

// change1 is one PUT or PATCH.
func change1(tx *Tx, in input, whole bool) (Record, error) {
	old, ok := tx.Get(in.ID)
	if !ok {
		return Record{}, &RecordError{codeNoRecord, "Record does not exist."}
	}
	if whole {
		old = Record{ID: old.ID}
	}
	return tx.Replace(in.onto(old))
}

// batch is POST dns_records/batch: deletes, patches, puts, posts in this order, in
// one transaction; the first error is the answer, and then nothing is applied.
func (c *Cloudflare) batch(body []byte) answer {
	var in struct {
		Deletes []struct {
			ID string `json:"id"`
		} `json:"deletes"`
		Patches []input `json:"patches"`
		Puts    []input `json:"puts"`
		Posts   []input `json:"posts"`
	}
	if bad := decode(body, &in); bad != nil {
		return *bad
	}
	limit := 3500
	if c.o.Plan == "free" {
		limit = 200
	}
	n := len(in.Deletes) + len(in.Patches) + len(in.Puts) + len(in.Posts)
	if n == 0 || n > limit {
		return fail(http.StatusBadRequest, 81065, "a batch of %d records; this plan allows 1 to %d", n, limit)
	}
	out := struct {
		Deletes []record `json:"deletes"`
		Patches []record `json:"patches"`
		Puts    []record `json:"puts"`
		Posts   []record `json:"posts"`
	}{[]record{}, []record{}, []record{}, []record{}}
	err := c.store.Update(func(tx *Tx) error {
		for _, d := range in.Deletes {
			r, _ := tx.Get(d.ID)
			if err := tx.Delete(d.ID); err != nil {
				return err
			}
			out.Deletes = append(out.Deletes, wire(r))
		}
		for _, p := range in.Patches {
			r, err := change1(tx, p, false)
			if err != nil {
				return err
			}
			out.Patches = append(out.Patches, wire(r))
		}
		for _, p := range in.Puts {
			r, err := change1(tx, p, true)
			if err != nil {
				return err
			}
			out.Puts = append(out.Puts, wire(r))
		}
		for _, p := range in.Posts {
			r, err := tx.Add(p.onto(Record{}))
			if err != nil {
				return err
			}
			out.Posts = append(out.Posts, wire(r))
		}
		return nil
	})
	if err != nil {
		return failed(err)
	}
	return answer{status: http.StatusOK, result: out}
}
