package auth

import (
	"errors"
	"fmt"
)

// reason is what a client is told about a credential that was refused. The set is closed, so nothing of a token is
// echoed. A token without a good signature is malformed, which its sender can see, or has an invalid signature: what its
// claims would have been worth is not told.
type reason struct {
	code        string // error of RFC 6750, section 3.1
	description string // error_description
}

var (
	expired          = &reason{"invalid_token", "expired"}
	notYetValid      = &reason{"invalid_token", "not yet valid"}
	malformed        = &reason{"invalid_token", "malformed"}
	invalidSignature = &reason{"invalid_token", "invalid signature"}
	unsupported      = &reason{"invalid_token", "unsupported header or claim"} // in a token with a good signature
	ended            = &reason{"invalid_token", "the session has ended"}

	// RFC 6750 recommends 400 for invalid_request. The routes answer 401 to every request without one good token.
	repeated = &reason{"invalid_request", "more than one Authorization header"}
)

// refusal is why a credential was refused: err is for the log, and reason, nil if there was no token, for the client.
type refusal struct {
	reason *reason
	err    error
}

// refuse returns a refusal.
func refuse(why *reason, format string, args ...any) error {
	return &refusal{reason: why, err: fmt.Errorf(format, args...)}
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// challenge returns the WWW-Authenticate of a 401. It names no error if no token was sent, as RFC 6750, section 3.1
// wants it.
func challenge(err error) string {
	const scheme = `Bearer realm="userorder"`
	refused, ok := errors.AsType[*refusal](err)
	if !ok || refused.reason == nil {
		return scheme
	}
	return fmt.Sprintf("%s, error=%q, error_description=%q", scheme, refused.reason.code, refused.reason.description)
}
