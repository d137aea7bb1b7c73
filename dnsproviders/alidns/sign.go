package alidns

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

const algorithm = "ACS3-HMAC-SHA256"

// query writes parameters sorted and encoded by RFC 3986, as the signature wants them and
// as the request sends them.
func query(params map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(params)) {
		parts = append(parts, escape(k)+"="+escape(params[k]))
	}
	return strings.Join(parts, "&")
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// sign returns the Authorization header of a POST without a body, and the signature
// alone; headers are those signed, by lower-case name. Source:
// alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature.
func sign(keyID, secret, query string, headers map[string]string) (header, signature string) {
	names := slices.Sorted(maps.Keys(headers))
	var canon strings.Builder
	for _, n := range names {
		fmt.Fprintf(&canon, "%s:%s\n", n, strings.TrimSpace(headers[n]))
	}
	signed := strings.Join(names, ";")
	request := strings.Join([]string{"POST", "/", query, canon.String(), signed, hash("")}, "\n")
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(algorithm + "\n" + hash(request)))
	signature = hex.EncodeToString(m.Sum(nil))
	return algorithm + " Credential=" + keyID + ",SignedHeaders=" + signed + ",Signature=" + signature, signature
}

func hash(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}
