package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"userorder/database"
	"userorder/settings"
	"userorder/telemetry"
)

// databases are the open databases by the name of the module. Modules may share one.
type databases map[string]*database.DB

// openDatabases opens the databases of the modules that cfg serves, each database once. Metrics may be nil.
func openDatabases(ctx context.Context, cfg Config, metrics *telemetry.Metrics) (_ databases, err error) {
	opened := databases{}
	defer func() {
		if err != nil {
			_ = opened.Close()
		}
	}()
	for _, url := range cfg.databaseURLs() {
		options, label := cfg.Database, cfg.labelOf(url)
		options.Committed = metrics.Committed(label)
		db, err := database.Open(ctx, url, options)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", cfg.settingOf(url), err)
		}
		metrics.WatchPool(label, func() telemetry.Pool { return telemetry.Pool(db.Stats()) })
		for _, name := range cfg.modulesOn(url) {
			opened[name] = db
		}
	}
	return opened, nil
}

// ageOf says whether the database of a module was there before this process.
func (d databases) ageOf(module string) string {
	if d[module].IsNew() {
		return "new"
	}
	return "existing"
}

// distinct returns each database once.
func (d databases) distinct() []*database.DB {
	var distinct []*database.DB
	for _, db := range d {
		if !slices.Contains(distinct, db) {
			distinct = append(distinct, db)
		}
	}
	return distinct
}

// Ping reports whether all databases can serve requests.
func (d databases) Ping(ctx context.Context) error {
	var errs []error
	for _, db := range d.distinct() {
		errs = append(errs, db.Ping(ctx))
	}
	return errors.Join(errs...)
}

// Close closes all databases.
func (d databases) Close() error {
	var errs []error
	for _, db := range d.distinct() {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

// databaseURLs returns the URL of each database that is served from, once.
func (c *Config) databaseURLs() (urls []string) {
	for _, m := range c.served() {
		if url := c.DatabaseURLs[m.name]; !slices.Contains(urls, url) {
			urls = append(urls, url)
		}
	}
	return urls
}

// onlyDatabaseURL returns the URL of the database that all served modules share, or an error if there are several.
func (c *Config) onlyDatabaseURL() (string, error) {
	urls := c.databaseURLs()
	if len(urls) > 1 {
		return "", fmt.Errorf("%w: the modules have databases of their own: set MODULES to one of them at a time", settings.ErrInvalid)
	}
	return urls[0], nil
}

// servedFrom returns the modules that are served from the database at url.
func (c *Config) servedFrom(url string) (served []module) {
	for _, m := range c.served() {
		if c.DatabaseURLs[m.name] == url {
			served = append(served, m)
		}
	}
	return served
}

// modulesOn names the modules that are served from the database at url.
func (c *Config) modulesOn(url string) (names []string) {
	for _, m := range c.servedFrom(url) {
		names = append(names, m.name)
	}
	return names
}

// settingOf names the setting that url comes from.
func (c *Config) settingOf(url string) string {
	if url == c.SharedDatabase {
		return "DATABASE_URL"
	}
	return databaseSetting(c.modulesOn(url)[0])
}

// accountsSetting names the setting that AccountsURL comes from.
func (c *Config) accountsSetting() string {
	if c.AccountsURL == c.SharedDatabase {
		return "DATABASE_URL"
	}
	return databaseSetting(accountsModule)
}

// labelOf names the database at url in logs and metrics by its modules: a URL may be private, and two redacted
// URLs may look alike.
func (c *Config) labelOf(url string) string { return strings.Join(c.modulesOn(url), ",") }
