package auth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"userorder/auth"
)

var (
	secret = []byte("the secret of these tests, 32+ bytes")
	older  = []byte("the secret before it, also 32+ bytes")
	now    = time.Unix(1_800_000_000, 0)
)

func newTokens(t testing.TB, cfg auth.Config) *auth.Tokens {
	if cfg.Secret == nil {
		cfg.Secret = secret
	}
	if cfg.TTL == 0 {
		cfg.TTL = time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return now }
	}
	tokens, err := auth.NewTokens(cfg)
	require.NoError(t, err)
	return tokens
}

// sign returns a token with any header and any claims.
func sign(algorithm func() hash.Hash, key []byte, header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode([]byte(claims))
	mac := hmac.New(algorithm, key)
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

const hs256 = `{"alg":"HS256","typ":"JWT"}`

// good are the claims of a valid token of user 7; exp is an hour from now.
const good = `{"sub":"7","iat":1800000000,"exp":1800003600,"jti":"x"}`

func TestIssueAndVerify(t *testing.T) {
	clock := now
	tokens := newTokens(t, auth.Config{Now: func() time.Time { return clock }})
	token, err := tokens.Issue(auth.Caller{UserID: 7})
	require.NoError(t, err)

	t.Run("a token is good for its user", func(t *testing.T) {
		caller, err := tokens.Verify(token)
		require.NoError(t, err)
		require.Equal(t, auth.Caller{UserID: 7, Role: auth.Customer}, caller)
	})
	t.Run("two tokens are never the same", func(t *testing.T) {
		other, err := tokens.Issue(auth.Caller{UserID: 7})
		require.NoError(t, err)
		require.NotEqual(t, token, other)
	})
	t.Run("it has the documented claims", func(t *testing.T) {
		claims, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		require.NoError(t, err)
		require.Regexp(t, `^{"sub":"7","exp":1800003600,"iat":1800000000,"jti":"[A-Z2-7]{26}"}$`, string(claims))
	})
	t.Run("it is good until its last moment and not a moment longer", func(t *testing.T) {
		clock = now.Add(time.Hour - time.Millisecond)
		_, err := tokens.Verify(token)
		require.NoError(t, err)
		clock = now.Add(time.Hour)
		_, err = tokens.Verify(token)
		require.Error(t, err)
	})
}

func TestVerifyAccepts(t *testing.T) {
	tokens := newTokens(t, auth.Config{})
	for name, token := range map[string]string{
		"a token of another issuer":                sign(sha256.New, secret, hs256, good),
		"a token without typ":                      sign(sha256.New, secret, `{"alg":"HS256"}`, good),
		"a token with unknown claims":              sign(sha256.New, secret, hs256, `{"sub":"7","exp":1800000001,"x":{"exp":1}}`),
		"a token whose life is a day":              sign(sha256.New, secret, hs256, `{"sub":"7","exp":1800086400}`),
		"a token of a clock 30 s ahead":            sign(sha256.New, secret, hs256, `{"sub":"7","exp":1800000100,"iat":1800000030}`),
		"an nbf of a clock 30 s ahead":             sign(sha256.New, secret, hs256, `{"sub":"7","exp":1800000100,"nbf":1800000030}`),
		"a day by a clock 30 s ahead":              sign(sha256.New, secret, hs256, `{"sub":"7","exp":1800086430,"iat":1800000030}`),
		"an aud inside another claim":              sign(sha256.New, secret, hs256, `{"sub":"7","exp":1800000100,"x":{"aud":"x"}}`),
		"an exp with decimals, as RFC 7519 allows": sign(sha256.New, secret, hs256, `{"sub":"7","exp":1800000100.5}`),
	} {
		t.Run(name, func(t *testing.T) {
			caller, err := tokens.Verify(token)
			require.NoError(t, err)
			require.Equal(t, auth.Caller{UserID: 7, Role: auth.Customer}, caller)
		})
	}
}

func TestATokenNamesItsCaller(t *testing.T) {
	tokens := newTokens(t, auth.Config{})
	for _, caller := range []auth.Caller{
		{UserID: 7, Role: auth.Customer},
		{UserID: 7, Role: auth.Staff},
		{UserID: 7, Role: auth.Customer, SessionID: 41},
		{UserID: math.MaxInt64, Role: auth.Staff, SessionID: math.MaxInt64},
	} {
		token, err := tokens.Issue(caller)
		require.NoError(t, err)
		for range 2 { // the second time from the cache
			got, err := tokens.Verify(token)
			require.NoError(t, err)
			require.Equal(t, caller, got)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	tokens := newTokens(t, auth.Config{})
	valid := sign(sha256.New, secret, hs256, good)
	parts := strings.Split(valid, ".")
	claims := func(claims string) string { return sign(sha256.New, secret, hs256, claims) }
	header := func(header string) string { return sign(sha256.New, secret, header, good) }
	for name, token := range map[string]string{
		"nothing":                         "",
		"not a token":                     "a.b.c",
		"two parts":                       parts[0] + "." + parts[1],
		"four parts":                      valid + ".x",
		"another signature":               parts[0] + "." + parts[1] + "." + strings.Repeat("A", 43),
		"no signature":                    parts[0] + "." + parts[1] + ".",
		"the claims of another token":     parts[0] + "." + strings.Split(claims(`{"sub":"8","exp":1800003600}`), ".")[1] + "." + parts[2],
		"another secret":                  sign(sha256.New, older, hs256, good),
		"alg none":                        strings.Join([]string{base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)), parts[1], ""}, "."),
		"alg HS512 with our secret":       sign(sha512.New, secret, `{"alg":"HS512","typ":"JWT"}`, good),
		"alg HS384 over an HS256":         header(`{"alg":"HS384","typ":"JWT"}`),
		"no alg":                          header(`{"typ":"JWT"}`),
		"base64 with trailing bits":       valid[:len(valid)-1] + trailing(valid[len(valid)-1]),
		"base64 with padding":             valid + "=",
		"base64 with a line break":        parts[0] + "." + parts[1] + "." + parts[2][:20] + "\r\n" + parts[2][20:],
		"a line break at the end":         valid + "\n",
		"an unknown crit":                 header(`{"alg":"HS256","crit":["b64"],"b64":false}`),
		"an empty crit":                   header(`{"alg":"HS256","crit":[]}`),
		"another typ":                     header(`{"alg":"HS256","typ":"at+jwt"}`),
		"a typ that is not a string":      header(`{"alg":"HS256","typ":1}`),
		"expired":                         claims(`{"sub":"7","exp":1799999999}`),
		"expires now":                     claims(`{"sub":"7","exp":1800000000}`),
		"no exp":                          claims(`{"sub":"7"}`),
		"an exp of null":                  claims(`{"sub":"7","exp":null}`),
		"an exp in quotes":                claims(`{"sub":"7","exp":"1800003600"}`),
		"an exp of more than a day":       claims(`{"sub":"7","exp":1800086500}`),
		"an exp beyond the year 9999":     claims(`{"sub":"7","exp":1e18}`),
		"an exp beyond int64":             claims(`{"sub":"7","exp":1e300}`),
		"an exp of a day and 31 s":        claims(`{"sub":"7","exp":1800086431}`),
		"an iat 31 s ahead":               claims(`{"sub":"7","exp":1800003600,"iat":1800000031}`),
		"an nbf 31 s ahead":               claims(`{"sub":"7","exp":1800003600,"nbf":1800000031}`),
		"an aud":                          claims(`{"sub":"7","exp":1800003600,"aud":"userorder"}`),
		"an aud with several names":       claims(`{"sub":"7","exp":1800003600,"aud":["userorder","mail"]}`),
		"an aud that names nobody":        claims(`{"sub":"7","exp":1800003600,"aud":[]}`),
		"an empty aud":                    claims(`{"sub":"7","exp":1800003600,"aud":""}`),
		"an aud of null":                  claims(`{"sub":"7","exp":1800003600,"aud":null}`),
		"an aud that is a number":         claims(`{"sub":"7","exp":1800003600,"aud":1}`),
		"an aud in another case":          claims(`{"sub":"7","exp":1800003600,"Aud":"x"}`),
		"an escaped aud":                  claims(`{"sub":"7","exp":1800003600,"a\u0075d":"x"}`),
		"not yet valid":                   claims(`{"sub":"7","exp":1800003600,"nbf":1800000100}`),
		"an nbf beyond int64":             claims(`{"sub":"7","exp":1800003600,"nbf":1e300}`),
		"an iat in the future":            claims(`{"sub":"7","exp":1800003600,"iat":1800000040}`),
		"an iat of the maximum int64":     claims(`{"sub":"7","exp":1800003600,"iat":9223372036854775807}`),
		"an iat beyond int64":             claims(`{"sub":"7","exp":1800003600,"iat":1e300}`),
		"no sub":                          claims(`{"exp":1800003600}`),
		"an empty sub":                    claims(`{"sub":"","exp":1800003600}`),
		"a sub that is a number":          claims(`{"sub":7,"exp":1800003600}`),
		"a sub that is not an id":         claims(`{"sub":"07","exp":1800003600}`),
		"a sub of zero":                   claims(`{"sub":"0","exp":1800003600}`),
		"a sub beyond int64":              claims(`{"sub":"9223372036854775808","exp":1800003600}`),
		"a duplicate claim":               claims(`{"sub":"8","exp":1800003600,"sub":"7"}`),
		"a duplicate claim, once escaped": claims(`{"sub":"8","exp":1800003600,"s\u0075b":"7"}`),
		"a claim in another case":         claims(`{"SUB":"7","exp":1800003600}`),
		"a claim in both cases":           claims(`{"sub":"7","exp":1800003600,"Exp":1800003601}`),
		"an unknown role":                 claims(`{"sub":"7","exp":1800003600,"role":"admin"}`),
		"the role of a customer":          claims(`{"sub":"7","exp":1800003600,"role":"customer"}`),
		"an empty role":                   claims(`{"sub":"7","exp":1800003600,"role":""}`),
		"a role of null":                  claims(`{"sub":"7","exp":1800003600,"role":null}`),
		"a role that is not a string":     claims(`{"sub":"7","exp":1800003600,"role":["staff"]}`),
		"a role in another case":          claims(`{"sub":"7","exp":1800003600,"Role":"staff"}`),
		"a sid that is not an id":         claims(`{"sub":"7","exp":1800003600,"sid":"0"}`),
		"an empty sid":                    claims(`{"sub":"7","exp":1800003600,"sid":""}`),
		"a sid of null":                   claims(`{"sub":"7","exp":1800003600,"sid":null}`),
		"a sid that is a number":          claims(`{"sub":"7","exp":1800003600,"sid":1}`),
		"claims that are not an object":   claims(`["sub"]`),
		"claims of null":                  claims(`null`),
		"claims that are not JSON":        claims(`sub=7`),
	} {
		t.Run(name, func(t *testing.T) {
			caller, err := tokens.Verify(token)
			require.Error(t, err)
			require.Zero(t, caller)
		})
	}
}

// trailing returns another base64 character for the end of 32 bytes: it differs only in the two bits that belong to
// none of them.
func trailing(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, last)|1])
}

func TestWhateverTheClockDoesATokenIsGoodFromItsIssueToItsEndAlone(t *testing.T) {
	clock := now
	tokens := newTokens(t, auth.Config{Now: func() time.Time { return clock }})
	token, err := tokens.Issue(auth.Caller{UserID: 7})
	require.NoError(t, err)
	for _, step := range []time.Duration{
		0, time.Minute, time.Hour - time.Second, time.Hour, 24 * time.Hour, // forward
		time.Hour, time.Hour - time.Second, 0, -30 * time.Second, -31 * time.Second, -24 * time.Hour, // and back
		time.Minute, time.Hour, -time.Hour, 30 * time.Minute, // and wildly
	} {
		clock = now.Add(step)
		_, err := tokens.Verify(token)
		require.Equal(t, -30*time.Second <= step && step < time.Hour, err == nil, "at %v: %v", step, err)
	}
}

func TestATokenThatIsRememberedIsJudgedLikeANewOne(t *testing.T) {
	clock := now
	caching := newTokens(t, auth.Config{Now: func() time.Time { return clock }})
	const day = 24 * 60 * 60
	for _, claims := range []string{
		good,
		`{"sub":"7","exp":1800000001}`,
		`{"sub":"7","exp":1800000000.5}`,
		`{"sub":"7","nbf":1800000040,"exp":1800000100}`,
		`{"sub":"7","iat":1800000036,"exp":1800000100}`,
		fmt.Sprintf(`{"sub":"7","exp":%d}`, 1800000000+day+30),
		fmt.Sprintf(`{"sub":"7","exp":%d}`, 1800000000+day+90),
		`{"sub":"0","exp":1800003600}`, `{"sub":"7"}`,
	} {
		token := sign(sha256.New, secret, hs256, claims)
		accepted := 0
		for _, seconds := range []float64{0, 0, 1, 0.4, 0.5, 0, 4, 5, 6, 9, 10, 11, 0, 99, 100, 101, 3599, 3600, 0, -day, 60, 0, 2 * day, 0} {
			clock = now.Add(time.Duration(seconds * float64(time.Second)))
			at := clock
			want, wantErr := newTokens(t, auth.Config{Now: func() time.Time { return at }}).Verify(token)
			caller, err := caching.Verify(token)
			require.Equal(t, wantErr == nil, err == nil, "%s at %v s: %v, but cached: %v", claims, seconds, wantErr, err)
			require.Equal(t, want, caller)
			if err == nil {
				accepted++
			}
		}
		require.Equal(t, strings.Contains(claims, `"7","`), accepted > 0, claims)
	}
}

func TestOneLetterMakesACachedTokenAnotherOne(t *testing.T) {
	tokens := newTokens(t, auth.Config{})
	token := sign(sha256.New, secret, hs256, good)
	for i := range token {
		_, err := tokens.Verify(token)
		require.NoError(t, err)
		letter := "A"
		if token[i] == 'A' {
			letter = "B"
		}
		_, err = tokens.Verify(token[:i] + letter + token[i+1:])
		require.Error(t, err, "letter %d", i)
	}
}

func TestALongerTTLIsNotCutToADay(t *testing.T) {
	tokens := newTokens(t, auth.Config{TTL: 48 * time.Hour})
	token, err := tokens.Issue(auth.Caller{UserID: 7})
	require.NoError(t, err)
	_, err = tokens.Verify(token)
	require.NoError(t, err)
}

func TestATokenIsGoodAtOnceOnAReplicaWhoseClockIsBehind(t *testing.T) {
	for _, ttl := range []time.Duration{time.Second, time.Hour, 24 * time.Hour, 48 * time.Hour} {
		token, err := newTokens(t, auth.Config{TTL: ttl}).Issue(auth.Caller{UserID: 7})
		require.NoError(t, err)
		for behind, accepted := range map[time.Duration]bool{
			0: true, 20 * time.Second: true, 30 * time.Second: true, 31 * time.Second: false, time.Hour: false,
		} {
			clock := func() time.Time { return now.Add(-behind) }
			_, err := newTokens(t, auth.Config{TTL: ttl, Now: clock}).Verify(token)
			require.Equal(t, accepted, err == nil, "life %v, %v behind: %v", ttl, behind, err)
		}
	}
}

func TestASecretIsReplacedWithoutLoggingAnybodyOut(t *testing.T) {
	token, err := newTokens(t, auth.Config{Secret: older}).Issue(auth.Caller{UserID: 7})
	require.NoError(t, err)
	rotated := newTokens(t, auth.Config{Previous: older})
	caller, err := rotated.Verify(token)
	require.NoError(t, err)
	require.Equal(t, auth.Caller{UserID: 7, Role: auth.Customer}, caller)

	fresh, err := rotated.Issue(auth.Caller{UserID: 7})
	require.NoError(t, err)
	_, err = newTokens(t, auth.Config{Secret: older}).Verify(fresh)
	require.Error(t, err, "the previous secret still signs")
	_, err = newTokens(t, auth.Config{}).Verify(fresh)
	require.NoError(t, err)
}

func TestNewTokensRefuses(t *testing.T) {
	for name, cfg := range map[string]auth.Config{
		"no secret":               {TTL: time.Hour},
		"a short secret":          {Secret: secret[:31], TTL: time.Hour},
		"the tutorial's secret":   {Secret: []byte("jwt-secret-string"), TTL: time.Hour},
		"a short previous secret": {Secret: secret, Previous: []byte("short"), TTL: time.Hour},
		"no life":                 {Secret: secret},
		"less than a second":      {Secret: secret, TTL: time.Second / 2},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := auth.NewTokens(cfg)
			require.Error(t, err)
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	tokens := newTokens(b, auth.Config{})
	token, err := tokens.Issue(auth.Caller{UserID: 7})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tokens.Verify(token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIssue(b *testing.B) {
	tokens := newTokens(b, auth.Config{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tokens.Issue(auth.Caller{UserID: 7}); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleTokens() {
	tokens, _ := auth.NewTokens(auth.Config{Secret: []byte("at least 32 bytes of randomness…"), TTL: time.Hour})
	token, _ := tokens.Issue(auth.Caller{UserID: 42})
	caller, err := tokens.Verify(token)
	fmt.Println(caller.UserID, err)
	// Output: 42 <nil>
}
