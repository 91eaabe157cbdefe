package mail

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net/textproto"
	"regexp"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// failure describes a try that failed. It keeps the codes of the server's answer but not its text, which usually
// repeats the recipient's address.
type failure struct {
	status    int    // 0 without an answer
	enhanced  string // code of RFC 3463, "" for none
	reason    string // "" if the server answered
	permanent bool
}

func (f *failure) Error() string { return cmp.Or(f.reason, "the server refused") }

// attributes returns the attributes for the log.
func (f *failure) attributes() (attributes []any) {
	if f.status != 0 {
		attributes = append(attributes, "status", f.status)
	}
	if f.enhanced != "" {
		attributes = append(attributes, "enhanced_status", f.enhanced)
	}
	if f.reason != "" {
		attributes = append(attributes, "reason", f.reason)
	}
	return attributes
}

// connectError is the error of a dialer; its text comes from this machine, so it may be logged.
type connectError struct{ err error }

func (e *connectError) Error() string { return "cannot connect: " + e.err.Error() }

// failureOf classifies an error of go-mail. Only a 5xx answer makes it permanent.
func failureOf(ctx context.Context, err error) *failure {
	var send *gomail.SendError // does not unwrap
	var answer *textproto.Error
	switch {
	case errors.As(err, &send) && send.ErrorCode() != 0:
		return refusal(send.ErrorCode(), send.EnhancedStatusCode())
	case errors.As(err, &answer):
		return refusal(answer.Code, enhancedStatus(answer.Msg))
	case ctx.Err() != nil:
		return &failure{reason: "the server does not answer in time"}
	case send != nil:
		return &failure{reason: "the connection broke: " + send.Reason.String()}
	}
	return &failure{reason: connectReason(err)}
}

func refusal(status int, enhanced string) *failure {
	return &failure{status: status, enhanced: enhanced, permanent: status/100 == 5}
}

// connectReason returns why the session did not begin. It drops texts that it does not know: they may be the server's.
func connectReason(err error) string {
	var connect *connectError
	var certificate *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	switch text := err.Error(); {
	case errors.As(err, &connect):
		return connect.Error()
	case errors.As(err, &certificate):
		return certificate.Error()
	case errors.As(err, &noTLS):
		return "the server does not speak TLS"
	case strings.Contains(text, "host does not support STARTTLS"): // go-mail has no value for it
		return "the server does not offer STARTTLS"
	case strings.Contains(text, "not support SMTP AUTH"), errors.Is(err, gomail.ErrNoSupportedAuthDiscovered):
		return "the server does not offer a known AUTH mechanism"
	}
	return "the connection broke before the session began"
}

// enhancedForm matches the codes of RFC 3463.
var enhancedForm = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}$`)

// enhancedStatus returns the code that an answer begins with, or "".
func enhancedStatus(answer string) string {
	first, _, _ := strings.Cut(answer, " ")
	if !enhancedForm.MatchString(first) {
		return ""
	}
	return first
}
