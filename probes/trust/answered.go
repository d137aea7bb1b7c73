package trust

import (
	"bytes"
	"fmt"
	"net/http"
)

// Answered is the refusal in an HTTP answer, nil when it is none. nginx ends the handshake
// whatever certificate it was shown, and answers 400 with a page that says what it thinks
// of it.
func (c *Client) Answered(code int, body []byte) error {
	if c == nil || code != http.StatusBadRequest || !c.asked.Load() || !bytes.Contains(body, []byte("SSL certificate")) {
		return nil
	}
	ours := c.ours()
	if ours == "" {
		return &HandshakeError{Kind: WantsCertificate, text: wantsCertificate}
	}
	return &HandshakeError{Kind: RefusesCertificate, text: fmt.Sprintf(refusesCertificate, ours, http.StatusText(code))}
}
