package amqpd

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Frame types, and the octet every frame ends with.
const (
	frameMethod    = 1
	frameHeader    = 2
	frameBody      = 3
	frameHeartbeat = 8
	frameEnd       = 0xce
)

// Methods as class<<16 | method.
const (
	connectionStart     = 10<<16 | 10
	connectionStartOk   = 10<<16 | 11
	connectionTune      = 10<<16 | 30
	connectionTuneOk    = 10<<16 | 31
	connectionOpen      = 10<<16 | 40
	connectionOpenOk    = 10<<16 | 41
	connectionClose     = 10<<16 | 50
	connectionCloseOk   = 10<<16 | 51
	connectionBlocked   = 10<<16 | 60
	connectionUnblocked = 10<<16 | 61

	channelOpen    = 20<<16 | 10
	channelOpenOk  = 20<<16 | 11
	channelFlow    = 20<<16 | 20
	channelFlowOk  = 20<<16 | 21
	channelClose   = 20<<16 | 40
	channelCloseOk = 20<<16 | 41

	exchangeDeclare   = 40<<16 | 10
	exchangeDeclareOk = 40<<16 | 11
	exchangeDelete    = 40<<16 | 20
	exchangeDeleteOk  = 40<<16 | 21

	queueDeclare   = 50<<16 | 10
	queueDeclareOk = 50<<16 | 11
	queueBind      = 50<<16 | 20
	queueBindOk    = 50<<16 | 21
	queuePurge     = 50<<16 | 30
	queuePurgeOk   = 50<<16 | 31
	queueDelete    = 50<<16 | 40
	queueDeleteOk  = 50<<16 | 41
	queueUnbind    = 50<<16 | 50
	queueUnbindOk  = 50<<16 | 51

	basicQos          = 60<<16 | 10
	basicQosOk        = 60<<16 | 11
	basicConsume      = 60<<16 | 20
	basicConsumeOk    = 60<<16 | 21
	basicCancel       = 60<<16 | 30
	basicCancelOk     = 60<<16 | 31
	basicPublish      = 60<<16 | 40
	basicReturn       = 60<<16 | 50
	basicDeliver      = 60<<16 | 60
	basicGet          = 60<<16 | 70
	basicGetOk        = 60<<16 | 71
	basicGetEmpty     = 60<<16 | 72
	basicAck          = 60<<16 | 80
	basicReject       = 60<<16 | 90
	basicRecoverAsync = 60<<16 | 100
	basicRecover      = 60<<16 | 110
	basicRecoverOk    = 60<<16 | 111
	basicNack         = 60<<16 | 120

	confirmSelect   = 85<<16 | 10
	confirmSelectOk = 85<<16 | 11
)

// Reply codes.
const (
	codeNoRoute        = 312
	codeForced         = 320
	codeRefused        = 403
	codeNotFound       = 404
	codeLocked         = 405
	codePrecondition   = 406
	codeFrame          = 501
	codeSyntax         = 502
	codeCommandInvalid = 503
	codeChannel        = 504
	codeUnexpected     = 505
	codeNotAllowed     = 530
	codeNotImplemented = 540
)

// protocolError is an answer that closes the channel or, when hard, the
// connection.
type protocolError struct {
	code   uint16
	text   string
	hard   bool
	method uint32
}

func (e *protocolError) Error() string { return fmt.Sprintf("%d %s", e.code, e.text) }

func soft(code uint16, format string, a ...any) error {
	return &protocolError{code: code, text: fmt.Sprintf(format, a...)}
}

func hard(code uint16, format string, a ...any) error {
	return &protocolError{code: code, text: fmt.Sprintf(format, a...), hard: true}
}

type frame struct {
	typ     byte
	channel uint16
	payload []byte // valid until the next read
}

// readFrame reads one frame into *scratch, which grows up to frameMax.
func readFrame(r *bufio.Reader, scratch *[]byte) (frame, error) {
	var h [7]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return frame{}, err
	}
	size := int(binary.BigEndian.Uint32(h[3:]))
	if size > frameMax-8 {
		return frame{}, hard(codeFrame, "FRAME_ERROR - frame of %d bytes, %d allowed", size, frameMax-8)
	}
	if cap(*scratch) < size+1 {
		*scratch = make([]byte, size+1)
	}
	b := (*scratch)[:size+1]
	if _, err := io.ReadFull(r, b); err != nil {
		return frame{}, err
	}
	if b[size] != frameEnd {
		return frame{}, hard(codeFrame, "FRAME_ERROR - frame end missing")
	}
	return frame{typ: h[0], channel: binary.BigEndian.Uint16(h[1:]), payload: b[:size]}, nil
}

// longstr is a string with a length of four octets; a plain string has one.
type longstr string

// table is a field table.
type table map[string]any

// appendMethod appends a whole method frame.
func appendMethod(b []byte, channel uint16, method uint32, args ...any) []byte {
	start := len(b)
	b = append(b, frameMethod)
	b = binary.BigEndian.AppendUint16(b, channel)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, method)
	for _, a := range args {
		b = appendArg(b, a)
	}
	binary.BigEndian.PutUint32(b[start+3:], uint32(len(b)-start-7)) //nolint:gosec // below frameMax
	return append(b, frameEnd)
}

func appendArg(b []byte, a any) []byte {
	switch a := a.(type) {
	case bool: // a lone bit
		if a {
			return append(b, 1)
		}
		return append(b, 0)
	case uint8:
		return append(b, a)
	case uint16:
		return binary.BigEndian.AppendUint16(b, a)
	case uint32:
		return binary.BigEndian.AppendUint32(b, a)
	case uint64:
		return binary.BigEndian.AppendUint64(b, a)
	case string:
		a = a[:min(len(a), 255)]
		return append(append(b, byte(len(a))), a...)
	case longstr:
		b = binary.BigEndian.AppendUint32(b, uint32(len(a))) //nolint:gosec // short
		return append(b, a...)
	case table:
		at := len(b)
		b = append(b, 0, 0, 0, 0)
		for _, k := range slices.Sorted(maps.Keys(a)) {
			b = appendArg(b, k)
			switch v := a[k].(type) {
			case bool:
				b = appendArg(append(b, 't'), v)
			case table:
				b = appendArg(append(b, 'F'), v)
			default:
				b = appendArg(append(b, 'S'), longstr(fmt.Sprint(v)))
			}
		}
		binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4)) //nolint:gosec // short
		return b
	}
	panic(fmt.Sprintf("amqpd: argument of type %T", a)) // a mistake in this package
}

// appendContent appends the header frame and the body frames of a message.
func appendContent(b []byte, channel uint16, m *message, frameSize int) []byte {
	b = append(b, frameHeader)
	b = binary.BigEndian.AppendUint16(b, channel)
	b = binary.BigEndian.AppendUint32(b, uint32(12+len(m.props))) //nolint:gosec // came in one frame
	b = append(b, 0, 60, 0, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(len(m.body)))
	b = append(append(b, m.props...), frameEnd)
	for part := range slices.Chunk(m.body, frameSize-8) {
		b = append(b, frameBody)
		b = binary.BigEndian.AppendUint16(b, channel)
		b = binary.BigEndian.AppendUint32(b, uint32(len(part))) //nolint:gosec // below frameMax
		b = append(append(b, part...), frameEnd)
	}
	return b
}

// args reads the arguments of a method. After the first error it reads zeros.
type args struct {
	b    []byte
	bits byte // what is left of an octet of bits
	n    int  // how many bits of it were read
	err  error
}

var errShort = hard(codeSyntax, "SYNTAX_ERROR - arguments end too early")

func (a *args) take(n int) []byte {
	a.n = 0
	if a.err != nil || n < 0 || n > len(a.b) {
		a.err = errShort
		return make([]byte, min(max(n, 0), 8))
	}
	b := a.b[:n]
	a.b = a.b[n:]
	return b
}

func (a *args) octet() uint8     { return a.take(1)[0] }
func (a *args) short() uint16    { return binary.BigEndian.Uint16(a.take(2)) }
func (a *args) long() uint32     { return binary.BigEndian.Uint32(a.take(4)) }
func (a *args) longlong() uint64 { return binary.BigEndian.Uint64(a.take(8)) }
func (a *args) shortstr() string { return string(a.take(int(a.octet()))) }
func (a *args) longstr() string  { return string(a.take(int(a.long()))) }

// bit reads the next bit; bits that follow each other share an octet.
func (a *args) bit() bool {
	if a.n%8 == 0 {
		a.bits = a.octet()
	}
	on := a.bits>>(a.n%8)&1 == 1
	a.n++
	return on
}

// table reads a field table: numbers as int64 or float64, all else as it is.
func (a *args) table() table { return a.nested(0) }

const maxNesting = 8

func (a *args) nested(depth int) table {
	in := args{b: a.take(int(a.long()))}
	if depth > maxNesting {
		a.err = hard(codeSyntax, "SYNTAX_ERROR - tables nested too deeply")
	}
	t := table{}
	for a.err == nil && len(in.b) > 0 {
		k := in.shortstr()
		t[k] = in.value(depth)
		a.err = in.err
	}
	return t
}
