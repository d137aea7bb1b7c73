package dnstest

import (
	"net/http"
	"strconv"
)

func (c *Cloudflare) listZones(name string) answer {
	out := []map[string]any{}
	for id, z := range c.zones {
		if name == "" || name == z.Name {
			out = append(out, map[string]any{"id": id, "name": z.Name, "plan": map[string]any{"legacy_id": c.Plan}})
		}
	}
	return ok(out)
}

func (c *Cloudflare) list(z *Zone, r *http.Request) answer {
	q := r.URL.Query()
	page, per := atoi(q.Get("page"), 1), atoi(q.Get("per_page"), 100)
	limit := 5000
	if c.MaxPage > 0 {
		limit = c.MaxPage
	}
	per = min(per, limit)
	recs, total := c.view(z).page((page-1)*per, per)
	out := make([]map[string]any, 0, len(recs))
	for _, rec := range recs {
		out = append(out, show(rec))
	}
	a := ok(out)
	a.body["result_info"] = map[string]any{
		"page": page, "per_page": per, "count": len(out),
		"total_count": total, "total_pages": (total + per - 1) / per,
	}
	return a
}

// view is what a list shows.
func (c *Cloudflare) view(z *Zone) *Zone {
	c.mu.Lock()
	defer c.mu.Unlock()
	if was := c.was[z]; was != nil && c.Stale > 0 {
		c.Stale--
		return was
	}
	return z
}

func atoi(s string, def int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return def
	}
	return n
}

func show(r Record) map[string]any {
	m := map[string]any{
		"id": r.ID, "name": r.Name, "type": r.Type, "content": r.Content, "ttl": r.TTL,
		"proxied": r.Proxied, "modified_on": "2026-11-22T10:00:00Z",
	}
	if r.Comment != "" {
		m["comment"] = r.Comment
	}
	return m
}
