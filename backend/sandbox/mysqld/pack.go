package mysqld

import (
	"bytes"
	"compress/flate"
	"io"
)

// The first byte of an event's body says how the rest is kept.
const (
	bodyPlain  = 0
	bodyPacked = 1
)

// packFrom is the size from which packing is worth it.
const packFrom = 256

// packer makes the bodies of events. Row images of one transaction resemble each
// other, the old and the new one above all, so that they take a fifth of their size.
// The zero value is ready; it serves one caller at a time.
type packer struct {
	buf bytes.Buffer
	w   *flate.Writer // made when first used: it is big
}

// body encodes changes. The slice is the caller's.
func (p *packer) body(cs []change) []byte {
	plain := appendChanges([]byte{bodyPlain}, cs)
	if len(plain) < packFrom {
		return plain
	}
	p.buf.Reset()
	p.buf.WriteByte(bodyPacked)
	if p.w == nil {
		w, err := flate.NewWriter(&p.buf, flate.BestSpeed)
		if err != nil {
			return plain // cannot happen: the level is a constant
		}
		p.w = w
	} else {
		p.w.Reset(&p.buf)
	}
	if _, err := p.w.Write(plain[1:]); err != nil || p.w.Close() != nil {
		return plain // cannot happen: memory takes every write
	}
	return bytes.Clone(p.buf.Bytes())
}

// unpack gives the encoded changes of a body.
func unpack(body []byte) ([]byte, error) {
	if len(body) == 0 {
		return nil, errEvent
	}
	switch body[0] {
	case bodyPlain:
		return body[1:], nil
	case bodyPacked:
		plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(body[1:])))
		if err != nil {
			return nil, errEvent
		}
		return plain, nil
	}
	return nil, errEvent
}
