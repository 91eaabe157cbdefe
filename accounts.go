package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"userorder/auth"
	"userorder/database"
	"userorder/worker"
)

// accountsModule is the module whose database has the sessions.
const accountsModule = "user"

// accounts is what every process needs to know of the accounts' database: which tokens are its own, and which sessions
// have ended. A process that serves orders alone reads it if USER_DATABASE_URL is given, and knows nothing of it otherwise.
type accounts struct {
	watched *database.DB // nil if it is one of the databases that are served from
	ended   *auth.Ended  // nil if nothing is known
}

// openAccounts reads from the accounts' database, which is one of those that are open if their modules are served.
func openAccounts(ctx context.Context, cfg Config, open databases) (a accounts, err error) {
	switch db := open[accountsModule]; {
	case db != nil:
		if err := auth.Migrate(ctx, db); err != nil {
			return a, err
		}
		if err := auth.EnsureIssuer(ctx, db); err != nil {
			return a, err
		}
		a.ended, err = auth.LoadEnded(ctx, db, nil)
		return a, err
	case !cfg.WatchAccounts:
		return a, nil
	}
	options := cfg.Database
	options.Beside = true
	if a.watched, err = database.Open(ctx, cfg.AccountsURL, options); err != nil {
		return a, fmt.Errorf("%s: %w", cfg.accountsSetting(), err)
	}
	if a.ended, err = auth.LoadEnded(ctx, a.watched, nil); err != nil {
		if !errors.Is(err, database.ErrUnavailable) { // no such table or row
			err = fmt.Errorf("%s: start the process that serves the accounts first: %w", cfg.accountsSetting(), err)
		}
		return a, errors.Join(err, a.watched.Close())
	}
	return a, nil
}

// jobs returns what keeps the list of ended sessions, and the issuer, up to date.
func (a *accounts) jobs() []worker.Job {
	if a.ended == nil {
		return nil
	}
	return []worker.Job{{Name: "ended_sessions", Every: time.Second, Do: a.ended.Read}}
}

// Close closes the accounts' database if it was opened for this alone.
func (a *accounts) Close() error {
	if a.watched == nil {
		return nil
	}
	return a.watched.Close()
}
