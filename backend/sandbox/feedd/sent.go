package feedd

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// packed is how many messages a packed block holds.
const packed = 256

// Entry is one sent message without its content: numbers into Log's lists.
type Entry struct{ Kind, Flight uint8 }

// Log is what a feed has sent, without the contents. Entries[i] has sequence number
// i+1, and a flight's nth entry has version n. None of it may be written to; it does
// not change, later messages are in later logs.
type Log struct {
	Feed           string
	Kinds, Flights []string
	Entries        []Entry
}

// history is everything that a feed ever sent, oldest first: the newest messages as
// they are, the others packed to a sixth of their size, since a rehearsal takes hours.
type history struct {
	entries []Entry
	blocks  [][]byte // of packed messages each
	newest  []Message
}

func (h *history) add(m Message, e Entry) error {
	h.entries = append(h.entries, e)
	h.newest = append(h.newest, m)
	if len(h.newest) < 2*packed {
		return nil
	}
	b, err := pack(h.newest[:packed])
	if err != nil {
		return err
	}
	h.blocks = append(h.blocks, b)
	h.newest = append([]Message(nil), h.newest[packed:]...)
	return nil
}

// slice gives the messages with sequence numbers after from, up to to.
func (h *history) slice(from, to int64) ([]Message, error) {
	out := make([]Message, 0, max(0, to-from))
	for from < to {
		page, first := h.newest, int64(len(h.blocks))*packed
		if from < first {
			var err error
			if page, err = unpack(h.blocks[from/packed]); err != nil {
				return nil, err
			}
			first = from / packed * packed
		}
		page = page[from-first : min(to-first, int64(len(page)))]
		if len(page) == 0 {
			return nil, errors.New("feed: the history has a hole")
		}
		out = append(out, page...)
		from += int64(len(page))
	}
	return out, nil
}

func pack(m []Message) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		return nil, fmt.Errorf("feed: pack: %w", err)
	}
	if err := errors.Join(json.NewEncoder(w).Encode(m), w.Close()); err != nil {
		return nil, fmt.Errorf("feed: pack: %w", err)
	}
	return bytes.Clone(b.Bytes()), nil
}

func unpack(b []byte) (m []Message, err error) {
	r := flate.NewReader(bytes.NewReader(b))
	defer func() { err = errors.Join(err, r.Close()) }()
	text, err := io.ReadAll(r)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return nil, fmt.Errorf("feed: unpack: %w", err)
	}
	return m, nil
}
