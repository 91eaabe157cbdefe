package main

import (
	"context"
	"log/slog"

	"userorder/mail"
	"userorder/telemetry"
	"userorder/user"
)

// startMail returns a function that queues mails, or nil if there is no mail server.
func (s *service) startMail(cfg Mail, log *slog.Logger) func(user.WriteMail) bool {
	if !cfg.On {
		return nil
	}
	s.mails = mail.NewQueue(mail.Config{Server: cfg.Server, From: cfg.From, Log: log})
	s.metrics.WatchMails(func() telemetry.Mails { return telemetry.Mails(s.mails.Stats()) })
	return func(write user.WriteMail) bool {
		return s.mails.Add(func(ctx context.Context) (*mail.Message, error) {
			m, err := write(ctx)
			return (*mail.Message)(m), err
		})
	}
}
