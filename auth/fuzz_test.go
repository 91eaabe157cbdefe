package auth_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"hash"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/auth"
	"userorder/httpapi"
)

// FuzzToken checks two rules: Verify accepts no token that differs in a byte from one that was signed, and of tokens
// with any header and claims, signed with the secret, it accepts exactly those that isLawful accepts.
func FuzzToken(f *testing.F) {
	tokens := newTokens(f, auth.Config{})
	ours := map[string]bool{}
	for _, claims := range goodClaims {
		token := sign(sha256.New, secret, hs256, claims)
		ours[token] = true
		f.Add([]byte(hs256), []byte(claims), token)
	}
	valid := sign(sha256.New, secret, hs256, good)
	for _, claims := range badClaims {
		f.Add([]byte(hs256), []byte(claims), valid[:len(valid)-1])
	}
	for _, header := range headers {
		f.Add([]byte(header), []byte(good), sign(sha256.New, older, header, good))
	}
	parts := strings.Split(valid, ".")
	for _, raw := range []string{
		"", "a.b.c", "..", parts[0] + "." + parts[1], valid + ".x", valid + "=", valid + " ", "Bearer " + valid,
		valid + "\n", parts[0] + "\r\n." + parts[1] + "." + parts[2], "\n", "=", " ", "A",
		parts[0] + "." + parts[1] + ".", valid[:len(valid)-1] + trailing(valid[len(valid)-1]),
		"eyJhbGciOiJub25lIn0." + parts[1] + ".", // {"alg":"none"}
	} {
		f.Add([]byte(hs256), []byte(good), raw)
	}
	f.Fuzz(func(t *testing.T, header, claims []byte, raw string) {
		caller, err := tokens.Verify(raw)
		require.Equal(t, ours[raw], err == nil, "%q: %v", raw, err)
		require.Equal(t, err == nil, caller.UserID > 0)
		cut := len(claims) % len(valid)
		_, err = tokens.Verify(valid[:cut] + raw + valid[cut:])
		require.Equal(t, raw == "", err == nil, "%q at %d: %v", raw, cut, err)

		want, lawful := isLawful(header, claims)
		for range 2 { // the second time from the cache
			caller, err = tokens.Verify(sign(sha256.New, secret, string(header), string(claims)))
			require.Equal(t, lawful, err == nil, err)
			require.Equal(t, want, caller)
		}
		for _, algorithm := range []func() hash.Hash{sha512.New384, sha512.New} {
			_, err = tokens.Verify(sign(algorithm, secret, string(header), string(claims)))
			require.Error(t, err)
		}
	})
}

// isLawful judges a token that is signed with the secret. It leaves the depth and the characters of the claims to
// ParseObject, which FuzzBind checks.
func isLawful(header, claims []byte) (caller auth.Caller, lawful bool) {
	_, loose := httpapi.ParseObject(claims)
	c, ok := namesOnce(claims)
	if loose != nil || !ok || !isHeader(header) || !isInTime(c) {
		return auth.Caller{}, false
	}
	sub, _ := c["sub"].(string)
	id, err := strconv.ParseInt(sub, 10, 64)
	if err != nil || !positive.MatchString(sub) || !isText(c["iss"]) || !isText(c["jti"]) || isAddressed(c) {
		return auth.Caller{}, false
	}
	caller = auth.Caller{UserID: id, Role: auth.Customer}
	if role, sent := c["role"]; sent {
		if role != "staff" {
			return auth.Caller{}, false
		}
		caller.Role = auth.Staff
	}
	if sid, sent := c["sid"]; sent {
		text, _ := sid.(string)
		if caller.SessionID, err = strconv.ParseInt(text, 10, 64); err != nil || !positive.MatchString(text) {
			return auth.Caller{}, false
		}
	}
	return caller, true
}

func isHeader(text []byte) bool {
	var header map[string]any
	if json.Unmarshal(text, &header) != nil || header["alg"] != "HS256" {
		return false
	}
	_, critical := header["crit"]
	typ, typed := header["typ"]
	return !critical && (!typed || typ == "JWT")
}

func isInTime(claims map[string]any) bool {
	exp, ok := secondsOf(claims["exp"])
	if !ok || exp <= 0 || exp > (24*time.Hour+30*time.Second).Seconds() {
		return false
	}
	for name, latest := range map[string]float64{"iat": 30, "nbf": 30} {
		value, sent := claims[name]
		if seconds, ok := secondsOf(value); sent && (!ok || seconds > latest) {
			return false
		}
	}
	return true
}

var (
	positive   = regexp.MustCompile(`\A[1-9][0-9]{0,18}\z`)
	registered = regexp.MustCompile(`\A(iss|sub|aud|exp|nbf|iat|jti|role|sid)\z`)
	anyCase    = regexp.MustCompile("(?i)" + registered.String())
)

// namesOnce decodes an object without duplicate names and without registered names in another case.
func namesOnce(text []byte) (object map[string]any, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, false
	}
	object = map[string]any{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		name := token.(string)
		if _, twice := object[name]; twice || anyCase.MatchString(name) && !registered.MatchString(name) {
			return nil, false
		}
		var value any
		if decoder.Decode(&value) != nil {
			return nil, false
		}
		object[name] = value
	}
	return object, json.Valid(text)
}

func isText(value any) bool {
	_, ok := value.(string)
	return ok || value == nil
}

// isAddressed reports whether a token says for whom it is. Nothing that it can say means this service.
func isAddressed(claims map[string]any) bool {
	_, addressed := claims["aud"]
	return addressed
}

// secondsOf returns the whole seconds from now to a date, because golang-jwt drops fractions. A number that a float64
// does not hold to the second is not a date.
func secondsOf(value any) (seconds float64, ok bool) {
	number, ok := value.(json.Number)
	date, err := number.Float64()
	return math.Floor(date) - float64(now.Unix()), ok && err == nil && math.Abs(date) < 1<<53
}

var headers = []string{
	`{"alg":"HS256"}`, `{"alg":"HS256","typ":"JWT","kid":"1"}`, `{"typ":"JWT"}`, `{"alg":"none"}`, `{"alg":"hs256"}`,
	`{"alg":"HS384","typ":"JWT"}`, `{"alg":"HS512","typ":"JWT"}`, `{"alg":"RS256"}`, `{"ALG":"HS256"}`, `{"alg":["HS256"]}`,
	`{"alg":"none","alg":"HS256"}`, `{"alg":"HS256","alg":"none"}`, `{"alg":"HS256","crit":["b64"],"b64":false}`,
	`{"alg":"HS256","crit":[]}`, `{"alg":"HS256","crit":null}`, `{"alg":"HS256","typ":"at+jwt"}`, `{"alg":"HS256","typ":1}`,
	`{"alg":"HS256","typ":null}`, `{"alg":"HS256","typ":"jwt"}`, `null`, `[]`, `{}`, ``, ` {"alg":"HS256"} `, `{"alg":"HS256"}x`,
}

var goodClaims = []string{
	good, `{"sub":"7","exp":1800000001,"x":{"exp":1}}`, `{"sub":"7","exp":1800086400}`, `{"sub":"7","exp":1800086430}`,
	`{"sub":"7","exp":1800000100,"iat":1800000030}`, `{"sub":"7","exp":1800000100.5}`, `{"sub":"7","exp":18000001e2}`,
	`{"sub":"9223372036854775807","exp":1800003600,"nbf":1800000030}`, `{"s\u0075b":"\u0037","exp":1800003600}`,
	`{"sub":"7","exp":1800003600,"iss":"i","x":{"aud":"a"},"jti":null}`, `{"sub":"7","exp":1800003600,"iat":-1,"nbf":-0}`,
	`{"sub":"7","exp":1800086405}`, `{"sub":"7","exp":1800000100,"iat":1800000005}`, // go test's cache may still have these
	`{"sub":"9223372036854775807","exp":1800003600,"nbf":1800000000}`,
}

var badClaims = []string{
	`{"sub":"7","exp":1799999999}`, `{"sub":"7","exp":1800000000}`, `{"sub":"7","exp":1800000000.9}`, `{"sub":"7"}`,
	`{"sub":"7","exp":null}`, `{"sub":"7","exp":"1800003600"}`, `{"sub":"7","exp":1800086431}`, `{"sub":"7","exp":1e18}`,
	`{"sub":"7","exp":9223372036854775807}`, `{"sub":"7","exp":1e300}`, `{"sub":"7","exp":1e400}`, `{"sub":"7","exp":-1e300}`,
	`{"sub":"7","exp":1800003600,"nbf":1800000100}`, `{"sub":"7","exp":1800003600,"nbf":1800000031}`,
	`{"sub":"7","exp":1800003600,"nbf":null}`, `{"sub":"7","exp":1800003600,"nbf":"1"}`, `{"sub":"7","exp":1800003600,"nbf":1e400}`,
	`{"sub":"7","exp":1800003600,"nbf":1e300}`, `{"sub":"7","exp":1800003600,"nbf":9223372036854775807}`,
	`{"sub":"7","exp":1800003600,"iat":1e300}`, `{"sub":"7","exp":1800003600,"iat":9223372036854775807}`,
	`{"sub":"7","exp":1800003600,"iat":1800000031}`, `{"sub":"7","exp":1800003600,"iat":1e400}`,
	`{"sub":"7","exp":1800003600,"iat":{}}`, `{"exp":1800003600}`, `{"sub":"","exp":1800003600}`, `{"sub":7,"exp":1800003600}`,
	`{"sub":"07","exp":1800003600}`, `{"sub":"+7","exp":1800003600}`, `{"sub":"0","exp":1800003600}`, `{"sub":" 7","exp":1800003600}`,
	`{"sub":"9223372036854775808","exp":1800003600}`, `{"sub":"8","exp":1800003600,"sub":"7"}`,
	`{"sub":"8","exp":1800003600,"s\u0075b":"7"}`, `{"SUB":"7","exp":1800003600}`, `{"sub":"7","exp":1800003600,"Exp":1800003601}`,
	`{"sub":"7","exp":1800003600,"i\u017fs":"x"}`, `{"sub":"7","exp":1800003600,"x":1,"x":2}`, `{"sub":"7","exp":1800003600,"aud":[1]}`,
	`{"sub":"7","exp":1800003600,"aud":"userorder"}`, `{"sub":"7","exp":1800003600,"aud":["a","b"]}`,
	`{"sub":"7","exp":1800003600,"aud":[]}`, `{"sub":"7","exp":1800003600,"aud":""}`, `{"sub":"7","exp":1800003600,"aud":null}`,
	`{"sub":"7","exp":1800003600,"a\u0075d":"x"}`, `{"sub":"7","exp":1800003600,"AUD":"x"}`,
	`{"sub":"7","exp":1800003600,"iss":1}`, `{"sub":"7","exp":1800003600,"x":"\ud800"}`, `{"sub":"7","exp":1800003600,"x":"\u0000"}`,
	`["sub"]`, `null`, `sub=7`, ``, `{"sub":"7","exp":1800003600}x`, "{\"sub\":\"7\",\"exp\":1800003600,\"x\":\"\xff\"}",
	`{"sub":"7","exp":1800003600,"x":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`,
}
