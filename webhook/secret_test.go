package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

// parsed returns the secret of a text.
func parsed(t *testing.T, text string) Secret {
	t.Helper()
	secret, err := ParseSecret(text)
	require.NoError(t, err)
	return secret
}

// TestTheSignatureIsThatOfOpenSSL holds what
//
//	printf %s 'evt_42.1700000000.{"type":"order.paid","data":{"metadata":"商店"}}' |
//		openssl dgst -sha256 -hmac ABCDEFGHIJKLMNOPQRSTUVWX -binary | base64
//
// prints, with this key and with 0123456789012345678901234567890123456789.
func TestTheSignatureIsThatOfOpenSSL(t *testing.T) {
	m := Message{"evt_42", []byte(`{"type":"order.paid","data":{"metadata":"商店"}}`)}
	secrets := []Secret{
		parsed(t, "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"),
		parsed(t, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OQ=="),
	}
	signature, err := sign(secrets, m, time.Unix(1_700_000_000, 999))
	require.NoError(t, err)
	require.Equal(t, "v1,zCPypXiG8075eF/sY6aJpa4gGgAAcGtYpPJHpZ9EdQM= v1,C8FOyQ2AwUpAGg/GwqR4ocvazcbL8lvxRlZS+0C3g0o=", signature)
}

func TestTheSpecificationsLibraryAcceptsASignatureOfEachSecretAndNoOther(t *testing.T) {
	first, second, third := NewSecret(), NewSecret(), NewSecret()
	m := Message{"evt_1", []byte(`{}`)}
	now := time.Now()
	signature, err := sign([]Secret{parsed(t, first), parsed(t, second)}, m, now)
	require.NoError(t, err)
	header := http.Header{}
	header.Set("Webhook-Id", m.ID)
	header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	header.Set("Webhook-Signature", signature)
	for secret, want := range map[string]error{first: nil, second: nil, third: standardwebhooks.ErrNoMatchingSignature} {
		receiver, err := standardwebhooks.NewWebhook(secret)
		require.NoError(t, err)
		require.ErrorIs(t, receiver.Verify(m.Body, header), want)
		require.ErrorIs(t, receiver.Verify([]byte(`{} `), header), standardwebhooks.ErrNoMatchingSignature)
	}
}

func TestANewSecretHas32BytesAndIsAnotherOneEachTime(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		text := NewSecret()
		parsed(t, text)
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
		require.NoError(t, err)
		require.Len(t, key, 32)
		require.False(t, seen[text])
		seen[text] = true
	}
}

func TestASecretThatIsRefusedIsNotRepeated(t *testing.T) {
	encode := func(length int) string {
		return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb, 0xff}, 100)[:length])
	}
	for _, length := range []int{24, 25, 26, 32, 64, 65, 200} {
		parsed(t, "whsec_"+encode(length))
	}
	for name, text := range map[string]string{
		"nothing":              "",
		"the prefix alone":     "whsec_",
		"no prefix":            encode(32),
		"a prefix in capitals": "WHSEC_" + encode(32),
		"the prefix twice":     "whsec_whsec_" + encode(32),
		"23 bytes":             "whsec_" + encode(23),
		"no padding":           "whsec_" + strings.TrimRight(encode(32), "="),
		"too much padding":     "whsec_" + encode(24) + "=",
		"bits after the last":  "whsec_" + strings.Repeat("A", 42) + "B=",
		"base64 for URLs":      "whsec_" + strings.NewReplacer("+", "-", "/", "_").Replace(encode(32)),
		"a newline":            "whsec_" + encode(32) + "\n",
		"a newline within":     "whsec_" + encode(32)[:20] + "\n" + encode(32)[20:],
		"a space within":       "whsec_" + encode(32)[:20] + " " + encode(32)[20:],
		"hexadecimal":          "whsec_" + strings.Repeat("0123456789abcde-", 4),
		"a passphrase":         "whsec_correct horse battery staple hunter2",
	} {
		secret, err := ParseSecret(text)
		require.Equal(t, errSecret, err, name)
		require.Zero(t, secret)
	}
}

func TestASecretIsNeverPrinted(t *testing.T) {
	const text = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
	secret := parsed(t, text)
	type config struct {
		Secrets []Secret
		hidden  Secret
	}
	whole := config{[]Secret{secret}, secret}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("start", "secret", secret, "config", whole)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "secret", secret, "config", whole)
	encoded, err := json.Marshal(whole)
	require.NoError(t, err)
	client := NewClient(secret)
	printed := fmt.Sprintf("%v %+v %#v %s %q %v %+v %#v %v %+v", secret, secret, secret, secret, secret, whole, whole, whole, client, client) +
		log.String() + string(encoded)
	require.Greater(t, strings.Count(printed, "***"), 10, printed)
	for _, form := range []string{text[6:], "ABCDEFGH", "65 66 67", "0x41", "4142"} {
		require.NotContains(t, printed, form)
	}
}

func TestAClientNeedsSecrets(t *testing.T) {
	require.Panics(t, func() { NewClient() })
	require.Panics(t, func() { NewClient(Secret{}) })
}
