package main

import (
	netmail "net/mail"
	"net/url"
	"strings"

	"userorder/mail"
	"userorder/settings"
)

// Mail says how mails to users are sent.
type Mail struct {
	On       bool
	Server   mail.Server
	From     netmail.Address
	ResetURL string // with {token}
}

// readMail reads the settings of mails. Those that belong to SMTP_URL are required with it.
func readMail(s *settings.Reader) (m Mail) {
	server := s.Secret("SMTP_URL", "mail server, smtp://USER:PASSWORD@HOST:587 or smtps://…", settings.Fallback{}, mail.Redact)
	from := s.Text("MAIL_FROM", "", "sender of mails, like Shop <shop@example.com>")
	m.ResetURL = s.Text("RESET_URL", "", "page that sets a new password, with {token} in its URL")
	var err error
	if from != "" {
		if m.From, err = mail.ParseAddress(from); err != nil {
			s.Fault("MAIL_FROM", "is %q but %w", from, err)
		}
	}
	if m.ResetURL != "" && !isResetURL(m.ResetURL) {
		s.Fault("RESET_URL", "is %q but must be like https://shop.example.com/reset?token={token}", m.ResetURL)
	}
	if server == "" {
		return m
	}
	m.On = true
	m.Server, err = mail.ParseURL(server)
	if err != nil {
		return m // Secret has recorded it
	}
	if from == "" {
		s.Fault("MAIL_FROM", "must be set with SMTP_URL")
	}
	if m.ResetURL == "" {
		s.Fault("RESET_URL", "must be set with SMTP_URL")
	}
	return m
}

// isResetURL reports whether a text is the address of a page with {token}.
func isResetURL(text string) bool {
	u, err := url.Parse(strings.ReplaceAll(text, "{token}", "token"))
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.Contains(text, "{token}")
}
