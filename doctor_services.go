package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"userorder/auth"
	"userorder/database"
	"userorder/doctor"
	"userorder/mail"
	"userorder/order"
	"userorder/webhook"
)

// checkSessions reads the list of ended sessions as a start of the service does.
func checkSessions(ctx context.Context, cfg Config) []doctor.Finding {
	if !cfg.serves(accountsModule) && !cfg.WatchAccounts {
		return []doctor.Finding{doctor.Warn("set it to the database of the accounts",
			"USER_DATABASE_URL is not set: tokens of ended sessions are good here until they expire")}
	}
	found, err := openReadOnly(ctx, cfg.AccountsURL, func(db *database.DB) []doctor.Finding {
		ended, err := auth.LoadEnded(ctx, db, nil)
		switch {
		case err != nil && !errors.Is(err, database.ErrUnavailable) && cfg.serves(accountsModule):
			return nil // the check of the schema has said so
		case errors.Is(err, sql.ErrNoRows), database.IsMissingTable(err):
			return []doctor.Finding{doctor.Warn("start the process that serves the accounts", "the list of ended sessions cannot be read yet: %s", err)}
		case err != nil:
			return failed(err)
		}
		return []doctor.Finding{doctor.Well("%d ended ones are on the list, which can be read", ended.Len())}
	})
	switch {
	case err == nil:
		return found
	case cfg.serves(accountsModule):
		return nil // the check of the database has said so
	}
	return []doctor.Finding{fault(err, "correct "+cfg.accountsSetting()+", or what it names")}
}

// Webhooks that wait longer than this are a warning, or a fault: events are given up after 72 hours.
const webhookWarning, webhookFault = 10 * time.Minute, day

func checkWebhooks(ctx context.Context, cfg Config) (found []doctor.Finding) {
	switch {
	case !cfg.serves("order"):
		return nil
	case len(cfg.Webhooks.Endpoints) == 0:
		return []doctor.Finding{doctor.Well("WEBHOOK_URLS is not set: none")}
	}
	_, _ = openReadOnly(ctx, cfg.DatabaseURLs["order"], func(db *database.DB) []doctor.Finding {
		if order.Migrate(ctx, db) == nil {
			for i, to := range cfg.Webhooks.Endpoints {
				name := to.String()
				if len(cfg.Webhooks.Endpoints) > 1 { // two may look the same without their queries
					name = fmt.Sprintf("%d %s", i+1, name)
				}
				found = append(found, checkWebhook(ctx, db, to, name))
			}
		}
		return nil
	}) // if it fails, the check of the database has said so
	return found
}

func checkWebhook(ctx context.Context, db *database.DB, to webhook.Endpoint, name string) doctor.Finding {
	b, err := order.ReadBacklog(ctx, db, to)
	if errors.Is(err, sql.ErrNoRows) {
		return doctor.Warn("start the service with this setting", "%s: no process has sent to it yet", name)
	}
	if err != nil {
		return failed(err)[0]
	}
	age := time.Duration(0)
	if !b.Oldest.IsZero() {
		age = time.Since(b.Oldest).Round(time.Second)
	}
	last := ""
	if b.LastError != "" {
		last = "; the last error is: " + b.LastError
	}
	const remedy = "look into the receiver, then POST /order/webhooks/retry; what waits for 72 h is given up"
	switch {
	case age > webhookFault:
		return doctor.Fail(remedy, "%s: %d waiting, the oldest for %s%s", name, b.Waiting, age, last)
	case age > webhookWarning:
		return doctor.Warn(remedy, "%s: %d waiting, the oldest for %s%s", name, b.Waiting, age, last)
	}
	return doctor.Well("%s: %d waiting%s", name, b.Waiting, last)
}

// checkMail begins a session with the mail server.
func checkMail(ctx context.Context, cfg Config) []doctor.Finding {
	switch {
	case !cfg.serves(accountsModule):
		return nil
	case !cfg.Mail.On:
		return []doctor.Finding{doctor.Well("SMTP_URL is not set: none are sent")}
	}
	server := mail.Config{Server: cfg.Mail.Server, From: cfg.Mail.From, Log: slog.New(slog.DiscardHandler)}
	if err := server.Check(ctx); err != nil {
		return []doctor.Finding{doctor.Fail("correct SMTP_URL, or the server: nobody can set a forgotten password", "%s: %s", cfg.Mail.Server, err)}
	}
	return []doctor.Finding{doctor.Well("%s takes our session", cfg.Mail.Server)}
}
