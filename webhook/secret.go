// Package webhook signs messages and sends them to the URLs of their receivers, as Standard Webhooks 1.0.0 specifies
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md). It makes one attempt a
// call: the queue, the retries and their delays belong to its callers.
//
// A URL may hold a password and must be https, except that http reaches loopback and private addresses. What the package
// prints, logs or returns as an error contains no secret, no user part and no query of a URL, and no text of a receiver.
package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	secretPrefix = "whsec_"
	minSecret    = 24 // bytes; the specification recommends 64 at most, but longer ones work
	newSecret    = 32
	masked       = "***"
)

// errSecret contains no part of the secret.
var errSecret = errors.New("must be whsec_ and the base64 of at least 24 bytes: userorder webhook-secret makes one")

// Secret is a key that signs messages. Printing, logging or encoding it shows ***. The zero Secret is invalid.
type Secret struct {
	// A pointer, so that printing a struct that has a Secret in an unexported field, where fmt calls no methods, shows an
	// address.
	signer *standardwebhooks.Webhook
}

// NewSecret returns the text of a new secret: whsec_ and the base64 of 32 random bytes.
func NewSecret() string {
	key := make([]byte, newSecret)
	_, _ = rand.Read(key) // which never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// ParseSecret parses whsec_ and the standard base64, padded, of 24 bytes or more. The error is the rest of a sentence
// that begins with the name of a setting, and contains no part of the text.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok || strings.ContainsAny(encoded, "\r\n") { // which base64 ignores
		return Secret{}, errSecret
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) < minSecret {
		return Secret{}, errSecret
	}
	signer, err := standardwebhooks.NewWebhookRaw(key)
	if err != nil {
		return Secret{}, errSecret
	}
	return Secret{signer}, nil
}

// String returns ***.
func (Secret) String() string { return masked }

// GoString returns ***.
func (Secret) GoString() string { return masked }

// LogValue returns ***.
func (Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText returns ***.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// sign returns the value of webhook-signature: one signature a secret.
func sign(secrets []Secret, m Message, at time.Time) (string, error) {
	signatures := make([]string, 0, len(secrets))
	for _, secret := range secrets {
		signature, err := secret.signer.Sign(m.ID, at, m.Body)
		if err != nil {
			return "", err
		}
		signatures = append(signatures, signature)
	}
	return strings.Join(signatures, " "), nil
}
