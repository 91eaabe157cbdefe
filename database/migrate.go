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

// migrate brings the tables of a module up to date, or only looks whether they are if check is set.
func migrate(
	ctx context.Context, dialect goose.Dialect, db *sql.DB, module string, files fs.FS, check bool, options ...goose.ProviderOption,
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
	table := "goose_" + module
	options = append(options,
		goose.WithTableName(table),
		goose.WithExcludeNames(excluded),
		goose.WithDisableGlobalRegistry(true),
	)
	provider, err := goose.NewProvider(dialect, db, files, options...)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	// goose would make its version table for this, and take its lock, which a pooler in front of PostgreSQL does
	// not allow. An error is most likely that there is no table yet; if it is another one, Up will meet it again.
	var version int64
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+table).Scan(&version)
	switch {
	case err == nil && version > newest:
		return fmt.Errorf("the database is at version %d, newer than this program, which knows %d: start a newer one",
			version, newest)
	case err == nil && version == newest:
		return nil
	case check && err != nil:
		return fmt.Errorf("its version cannot be read, and if it has no tables yet run userorder migrate first: %w", err)
	case check:
		return fmt.Errorf("the database is at version %d and has to be at %d: run userorder migrate first", version, newest)
	}
	_, err = provider.Up(ctx)
	return err
}
