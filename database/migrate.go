package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

// compatibility names the table that says, for each module, the lowest version that a program must know to work with
// the present schema. It lets a release run beside the next one while replicas are upgraded.
const compatibility = "schema_compatibility"

// breaking matches the line of a migration that the previous release cannot work with.
var breaking = regexp.MustCompile(`(?im)^\s*--\s*breaking\b`)

// ErrPending is wrapped by errors of Migrate with CheckOnly about migrations that are missing.
var ErrPending = errors.New("run userorder migrate first")

var errOldProgram = errors.New("start a newer one")

// otherEngine is the suffix of migrations that a dialect skips.
var otherEngine = map[goose.Dialect]string{
	goose.DialectSQLite3:  ".postgres.sql",
	goose.DialectPostgres: ".sqlite.sql",
}

// Migrate applies the migrations of a module that are missing: the goose files in the folder migrations of files, where
// a name that ends in .sqlite.sql or .postgres.sql is for that engine alone, and steps. Each module has a version table
// of its own. On PostgreSQL any number of processes may call it at once: each migration runs once.
//
// A migration must leave the previous release working: it adds columns with defaults, and a later release drops what is
// no longer used. One that does not has a line
//
//	-- breaking: reason
//
// If the database is newer than files, Migrate changes nothing. It succeeds if the database was marked as compatible,
// that is if no breaking migration is missing from files, and fails otherwise. With Options.CheckOnly it never changes
// anything, and a database that is older is an error, too.
func (db *DB) Migrate(ctx context.Context, module string, files fs.FS, steps ...Step) error {
	files, err := fs.Sub(files, "migrations")
	if err == nil {
		err = db.engine.migrate(ctx, migration{module: module, files: files, steps: steps, checkOnly: db.checkOnly, log: db.log})
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Detail != "" { // such as the rows that a new index cannot hold
		err = fmt.Errorf("%w: %s", err, e.Detail)
	}
	if err != nil {
		return fmt.Errorf("migrate %s: %w", module, err)
	}
	return nil
}

// migration is what Migrate asks of an engine.
type migration struct {
	module    string
	files     fs.FS
	steps     []Step
	checkOnly bool
	log       *slog.Logger
}

// schema is the schema of one module.
type schema struct {
	db     *sql.DB
	module string
	text   string // type of a text that is compared as bytes, whatever becomes of the collations of the server
	newest int64  // version that this program knows
	broken int64  // version of the last breaking migration that this program knows, or 0
}

// migrate brings the schema of a module up to date through db, or only requires that it is if checkOnly is set.
func migrate(ctx context.Context, dialect goose.Dialect, db *sql.DB, m migration, options ...goose.ProviderOption) error {
	provider, err := newProvider(dialect, db, m, options)
	if err != nil {
		return err
	}
	s := schema{db: db, module: m.module, text: byteText[dialect]}
	if err := s.read(m.files, provider.ListSources()); err != nil {
		return err
	}
	// goose would create its table to look at it, and take its lock, which a pooler in front of PostgreSQL does not
	// allow. Most likely an error means that there is no table yet; Up meets any other error again.
	version, err := s.version(ctx)
	switch {
	case err == nil && version > s.newest:
		return s.requireCompatible(ctx, version)
	case m.checkOnly:
		return s.requireNewest(version, err)
	case err == nil && version == s.newest:
		return tolerateReadOnly(s.record(ctx))
	}
	// Before Up: if this process dies in between, an older program is refused too early, never too late.
	if err := s.record(ctx); err != nil {
		return err
	}
	if _, err = provider.Up(ctx); err != nil {
		return err
	}
	if version, err = s.version(ctx); err == nil && version > s.newest { // a newer program has migrated meanwhile
		return s.requireCompatible(ctx, version)
	}
	return err
}

func newProvider(dialect goose.Dialect, db *sql.DB, m migration, options []goose.ProviderOption) (*goose.Provider, error) {
	names, err := fs.Glob(m.files, "*.sql")
	if err != nil {
		return nil, err
	}
	var excluded []string
	for _, name := range names {
		if strings.HasSuffix(name, otherEngine[dialect]) {
			excluded = append(excluded, name)
		}
	}
	var steps []*goose.Migration
	for _, step := range m.steps {
		steps = append(steps, step.goose(dialect, m.log))
	}
	return goose.NewProvider(dialect, db, m.files, append(options,
		goose.WithTableName(versionTable(m.module)),
		goose.WithGoMigrations(steps...),
		goose.WithExcludeNames(excluded),
		goose.WithDisableGlobalRegistry(true),
	)...)
}

// read reads the versions of the migrations, which are sorted.
func (s *schema) read(files fs.FS, sources []*goose.Source) error {
	for _, source := range sources {
		s.newest = source.Version
		if source.Type == goose.TypeGo {
			continue
		}
		text, err := fs.ReadFile(files, source.Path)
		if err != nil {
			return err
		}
		if breaking.Match(text) {
			s.broken = source.Version
		}
	}
	return nil
}

// requireNewest returns an error unless the database is at the newest version. Err is that of reading its version.
func (s *schema) requireNewest(version int64, err error) error {
	switch {
	case IsMissingTable(err):
		return fmt.Errorf("there are no tables yet: %w", ErrPending)
	case err != nil:
		return fmt.Errorf("the schema version cannot be read: %w", err)
	case version != s.newest:
		return fmt.Errorf("the database is at version %d and must be at %d: %w", version, s.newest, ErrPending)
	}
	return nil
}

func versionTable(module string) string { return "goose_" + module }

// version returns the version of the schema in the database.
func (s *schema) version(ctx context.Context) (version int64, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+versionTable(s.module)).Scan(&version)
	return version, err
}

// required returns the lowest version that a program must know, or sql.ErrNoRows.
func (s *schema) required(ctx context.Context) (version int64, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT version FROM "+compatibility+" WHERE module = $1", s.module).Scan(&version)
	return version, err
}

// requireCompatible returns an error unless this program can work with a newer version.
func (s *schema) requireCompatible(ctx context.Context, version int64) error {
	refused := fmt.Errorf("the database is at version %d, newer than this program, which knows %d: %w", version, s.newest, errOldProgram)
	required, err := s.required(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows), err != nil && isStatementFault(err): // no such row or table
		return refused
	case err != nil:
		return errors.Join(refused, err)
	case required > s.newest:
		return fmt.Errorf("%w (it requires %d)", refused, required)
	}
	return nil
}

// byteText is the type of a text whose index stays sorted when a library of the server changes its collations.
var byteText = map[goose.Dialect]string{goose.DialectSQLite3: "TEXT", goose.DialectPostgres: `TEXT COLLATE "C"`}

// record raises the required version to that of the last breaking migration. It never lowers it: a newer program may be
// about to migrate. It looks again if it fails: processes that start together may make each other's statements fail.
func (s *schema) record(ctx context.Context) (err error) {
	for range maxTries {
		if required, err := s.required(ctx); err == nil && required >= s.broken {
			return nil
		}
		_, failure := s.db.ExecContext(ctx,
			"CREATE TABLE IF NOT EXISTS "+compatibility+" (module "+s.text+" NOT NULL PRIMARY KEY, version BIGINT NOT NULL)")
		_, err = s.db.ExecContext(ctx, `
			INSERT INTO `+compatibility+` (module, version) VALUES ($1, $2)
			ON CONFLICT (module) DO UPDATE SET version = excluded.version WHERE `+compatibility+`.version < excluded.version`,
			s.module, s.broken)
		if err == nil {
			return nil
		}
		err = errors.Join(failure, err)
	}
	return err
}

// tolerateReadOnly drops the error of a program that has no right to change the schema, or whose server is a standby.
// An up-to-date schema is all that it needs.
func tolerateReadOnly(err error) error {
	const readOnlyTransaction = "25006"
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == readOnlyTransaction || isDenied(err) {
		return nil
	}
	return err
}
