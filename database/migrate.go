package database

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"
)

// otherEngine is how the names of migrations end that are not for a dialect.
var otherEngine = map[goose.Dialect]string{
	goose.DialectSQLite3:  ".postgres.sql",
	goose.DialectPostgres: ".sqlite.sql",
}

// migrate applies what is missing of a module's migrations.
func migrate(
	ctx context.Context, dialect goose.Dialect, db *sql.DB, module string, files fs.FS, options ...goose.ProviderOption,
) error {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return err
	}
	var excluded []string
	for _, name := range names {
		if strings.HasSuffix(name, otherEngine[dialect]) {
			excluded = append(excluded, name)
		}
	}
	options = append(options,
		goose.WithTableName("goose_"+module),
		goose.WithExcludeNames(excluded),
		goose.WithDisableGlobalRegistry(true),
	)
	provider, err := goose.NewProvider(dialect, db, files, options...)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	// GetDBVersion waits for the lock, unlike HasPending and GetVersions, which would race for the version
	// table.
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	switch {
	case version > newest:
		return fmt.Errorf("the database is at version %d, newer than this program, which knows %d: start a newer one",
			version, newest)
	case version == newest:
		return nil
	}
	_, err = provider.Up(ctx)
	return err
}
