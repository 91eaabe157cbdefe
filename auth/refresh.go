package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// RefreshToken names a session, its account, and how often its refresh token had been replaced when it was issued. On the
// wire it is a version, the three numbers and an HMAC-SHA-256 of them, cut to 128 bits, in base64url. So a token can be
// made again for whoever did not get it, and the database holds nothing that could be used.
type RefreshToken struct {
	SessionID int64
	UserID    int64
	Counter   int64
}

const (
	refreshVersion = 1
	refreshMAC     = 16 // bytes; no forgery can be tried without a request
	refreshLength  = 1 + 3*8 + refreshMAC
)

// refreshKey derives the key of refresh tokens from the secret of tokens. Databases with different issuers have different
// keys.
func refreshKey(secret []byte, issuer string) []byte {
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte("userorder refresh token\x00" + issuer))
	return mac.Sum(nil)
}

// encode returns the token on the wire.
func (r RefreshToken) encode(key []byte) string {
	payload := make([]byte, 0, refreshLength)
	payload = append(payload, refreshVersion)
	for _, number := range []int64{r.SessionID, r.UserID, r.Counter} {
		payload = binary.BigEndian.AppendUint64(payload, uint64(number)) //nolint:gosec // none is negative
	}
	return base64.RawURLEncoding.EncodeToString(append(payload, refreshSum(key, payload)...))
}

func refreshSum(key, payload []byte) []byte {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write(payload)
	return mac.Sum(nil)[:refreshMAC]
}

// decodeRefresh parses a token on the wire and checks its HMAC by any of keys.
func decodeRefresh(text string, keys [][]byte) (RefreshToken, error) {
	encoding := base64.RawURLEncoding.Strict()
	if len(text) != encoding.EncodedLen(refreshLength) {
		return RefreshToken{}, refuse(malformed, "refresh token: wrong length")
	}
	token, err := encoding.DecodeString(text)
	if err != nil || len(token) != refreshLength || token[0] != refreshVersion {
		return RefreshToken{}, refuse(malformed, "refresh token: not one of ours")
	}
	payload, sum := token[:refreshLength-refreshMAC], token[refreshLength-refreshMAC:]
	for _, key := range keys {
		if hmac.Equal(sum, refreshSum(key, payload)) {
			number := func(n int) int64 { return int64(binary.BigEndian.Uint64(payload[1+8*n:])) } //nolint:gosec // as it was encoded
			return RefreshToken{SessionID: number(0), UserID: number(1), Counter: number(2)}, nil
		}
	}
	return RefreshToken{}, refuse(invalidSignature, "refresh token: invalid signature")
}
