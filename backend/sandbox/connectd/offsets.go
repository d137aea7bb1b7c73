package connectd

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// offsetDoc is one entry of KIP-875's document, as MirrorSourceConnector fills it.
type offsetDoc struct {
	Partition *partitionDoc `json:"partition"`
	// Offset null takes the stored offset back.
	Offset *struct {
		Offset *int64 `json:"offset"`
	} `json:"offset"`
}

type partitionDoc struct {
	Cluster   string `json:"cluster"`
	Partition *int32 `json:"partition"`
	Topic     string `json:"topic"`
}

func getOffsets(w http.ResponseWriter, _ *http.Request, c *connector) {
	type row struct {
		tp topicPartition
		n  int64
	}
	var rows []row
	for tp, n := range c.positions(false) {
		rows = append(rows, row{tp, n})
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.tp.topic, b.tp.topic), cmp.Compare(a.tp.partition, b.tp.partition))
	})
	list := []object{}
	for _, r := range rows {
		list = append(list, object{
			"partition": object{"cluster": c.o.SourceAlias, "partition": r.tp.partition, "topic": r.tp.topic},
			"offset":    object{"offset": r.n},
		})
	}
	reply(w, http.StatusOK, object{"offsets": list})
}

// refuse says why offsets may not be altered now; false means they may.
func (c *connector) refuse(w http.ResponseWriter) bool {
	if state, task, _ := c.status(); state == Stopped && task == "" {
		return false
	}
	fail(w, http.StatusBadRequest, "Connectors must be in the STOPPED state before their offsets can be modified. "+
		"This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/"+c.o.Name+"/stop' endpoint")
	return true
}

func patchOffsets(w http.ResponseWriter, r *http.Request, c *connector) {
	var b struct {
		Offsets []offsetDoc `json:"offsets"`
	}
	if !decode(w, r, &b) || c.refuse(w) {
		return
	}
	if len(b.Offsets) == 0 {
		fail(w, http.StatusBadRequest, "Partitions / offsets need to be provided for an alter offsets request")
		return
	}
	changes := map[topicPartition]*int64{}
	for i, o := range b.Offsets {
		switch p := o.Partition; {
		case p == nil || p.Partition == nil || p.Topic == "" || *p.Partition < 0:
			fail(w, http.StatusBadRequest, fmt.Sprintf("offsets[%d]: the partition needs cluster, topic and a partition from 0", i))
			return
		case p.Cluster != c.o.SourceAlias:
			fail(w, http.StatusBadRequest, fmt.Sprintf("offsets[%d]: cluster %q is not this connector's source %q", i, p.Cluster, c.o.SourceAlias))
			return
		case o.Offset != nil && (o.Offset.Offset == nil || *o.Offset.Offset < 0):
			fail(w, http.StatusBadRequest, fmt.Sprintf("offsets[%d]: the offset must be a number from 0, or null", i))
			return
		}
		var n *int64
		if o.Offset != nil {
			n = o.Offset.Offset
		}
		changes[topicPartition{o.Partition.Topic, *o.Partition.Partition}] = n
	}
	c.mu.Lock()
	c.old, c.oldUntil = maps.Clone(c.offsets), time.Now().Add(c.s.o.FlushEvery)
	for tp, n := range changes {
		if n == nil {
			delete(c.offsets, tp)
		} else {
			c.offsets[tp] = *n
		}
	}
	c.mu.Unlock()
	reply(w, http.StatusOK, object{"message": "The offsets for this connector have been altered successfully"})
}

func deleteOffsets(w http.ResponseWriter, _ *http.Request, c *connector) {
	if c.refuse(w) {
		return
	}
	c.mu.Lock()
	clear(c.offsets)
	c.mu.Unlock()
	reply(w, http.StatusOK, object{"message": "The offsets for this connector have been reset successfully"})
}
