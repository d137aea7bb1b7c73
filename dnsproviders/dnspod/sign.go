package dnspod

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

const algorithm = "TC3-HMAC-SHA256"

// sign returns the Authorization header of a POST with a JSON body, and the signature
// alone. Source: cloud.tencent.com/document/api/362/4208 (signature v3).
func sign(keyID, secret, service, host, contentType string, payload []byte, now time.Time) (header, signature string) {
	const signed = "content-type;host"
	date := now.UTC().Format(time.DateOnly)
	request := "POST\n/\n\ncontent-type:" + contentType + "\nhost:" + host + "\n\n" + signed + "\n" + hash(payload)
	scope := date + "/" + service + "/tc3_request"
	text := algorithm + "\n" + strconv.FormatInt(now.Unix(), 10) + "\n" + scope + "\n" + hash([]byte(request))
	key := mac(mac(mac([]byte("TC3"+secret), date), service), "tc3_request")
	signature = hex.EncodeToString(mac(key, text))
	return algorithm + " Credential=" + keyID + "/" + scope + ", SignedHeaders=" + signed + ", Signature=" + signature, signature
}

func hash(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}
